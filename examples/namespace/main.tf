terraform {
  required_providers {
    espalier = { source = "espalier/espalier" }
  }
}

provider "espalier" {
  instance = "example"
}

resource "espalier_namespace" "ci" {
  name        = "ci"
  description = "runners of the build team"
}
