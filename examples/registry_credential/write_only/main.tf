# The password is given as a value: it is in no plan and in no state. The engine keeps it encrypted, and tells it to
# the agents when they pull.
terraform {
  required_version = ">= 1.11"
  required_providers {
    espalier = { source = "espalier/espalier" }
  }
}

provider "espalier" {
  instance = "example"
}

variable "registry_password" {
  type      = string
  ephemeral = true
}

resource "espalier_registry_credential" "internal" {
  name     = "internal"
  registry = "registry.example"
  username = "robot"
  password = {
    value_wo         = var.registry_password
    value_wo_version = 1 # another number sends it again
  }
}
