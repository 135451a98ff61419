terraform {
  required_providers {
    espalier = { source = "espalier/espalier" }
  }
}

provider "espalier" {
  instance = "example"
}

data "espalier_vm_pools" "runners" {
  namespace = "default"
}

output "replicas" {
  value = sum(concat([0], data.espalier_vm_pools.runners.items[*].replicas))
}
