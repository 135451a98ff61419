terraform {
  required_providers {
    espalier = { source = "espalier/espalier" }
  }
}

provider "espalier" {
  instance = "example"
}

data "espalier_namespace" "ci" {
  name = "ci"
}

output "description" {
  value = data.espalier_namespace.ci.description
}
