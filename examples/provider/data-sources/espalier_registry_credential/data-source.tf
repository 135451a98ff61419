terraform {
  required_providers {
    espalier = { source = "espalier/espalier" }
  }
}

provider "espalier" {
  instance = "example"
}

data "espalier_registry_credential" "internal" {
  name = "internal"
}

output "registry" {
  value = data.espalier_registry_credential.internal.registry
}
