terraform {
  required_providers {
    espalier = { source = "espalier/espalier" }
  }
}

provider "espalier" {
  instance = "example"
}

data "espalier_vms" "ios" {
  namespace = "default"
  selector  = { team = "ios" }
}

output "hosts" {
  value = { for vm in data.espalier_vms.ios.items : vm.name => vm.status.host }
}
