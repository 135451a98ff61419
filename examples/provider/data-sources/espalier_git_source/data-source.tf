terraform {
  required_providers {
    espalier = { source = "espalier/espalier" }
  }
}

provider "espalier" {
  instance = "example"
}

data "espalier_git_source" "fleet" {
  name = "fleet"
}

output "repository" {
  value = data.espalier_git_source.fleet.repository
}
