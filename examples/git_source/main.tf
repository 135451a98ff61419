terraform {
  required_providers {
    espalier = { source = "espalier/espalier" }
  }
}

provider "espalier" {
  instance = "example"
}

resource "espalier_git_source" "fleet" {
  name         = "fleet"
  repository   = "https://git.example/fleet.git"
  path         = "clusters/prod"
  namespaces   = ["ci"]
  drift_policy = "report"
}
