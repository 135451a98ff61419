terraform {
  required_providers {
    espalier = { source = "espalier/espalier" }
  }
}

provider "espalier" {
  instance = "example"
}

data "espalier_cluster" "default" {
  name = "default"
}

output "scheduling" {
  value = data.espalier_cluster.default.scheduling
}
