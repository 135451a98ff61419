terraform {
  required_providers {
    espalier = { source = "espalier/espalier" }
  }
}

provider "espalier" {
  instance = "example"
}

data "espalier_vm" "signing" {
  name = "signing"
}

output "host" {
  value = data.espalier_vm.signing.status.host
}
