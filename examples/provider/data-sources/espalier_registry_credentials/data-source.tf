terraform {
  required_providers {
    espalier = { source = "espalier/espalier" }
  }
}

provider "espalier" {
  instance = "example"
}

data "espalier_registry_credentials" "all" {}

output "registries" {
  value = data.espalier_registry_credentials.all.items[*].registry
}
