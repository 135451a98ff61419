terraform {
  required_providers {
    espalier = { source = "espalier/espalier" }
  }
}

provider "espalier" {
  instance = "example"
}

data "espalier_vm_pool" "runners" {
  name = "runners"
}

output "replicas" {
  value = data.espalier_vm_pool.runners.replicas
}
