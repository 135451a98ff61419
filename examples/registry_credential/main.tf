terraform {
  required_providers {
    espalier = { source = "espalier/espalier" }
  }
}

provider "espalier" {
  instance = "example"
}

resource "espalier_registry_credential" "internal" {
  name     = "internal"
  registry = "registry.example"
  username = "robot"
  password = { file = "registry/password" }
}
