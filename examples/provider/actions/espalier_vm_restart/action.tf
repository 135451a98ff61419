terraform {
  required_providers {
    espalier = { source = "espalier/espalier" }
  }
}

provider "espalier" {
  instance = "example"
}

# terraform apply -invoke=action.espalier_vm_restart.signing
action "espalier_vm_restart" "signing" {
  config {
    name   = "signing"
    reason = "new certificate"
  }
}
