terraform {
  required_providers {
    espalier = { source = "espalier/espalier" }
  }
}

provider "espalier" {
  instance = "example"
}

data "espalier_namespaces" "all" {}

output "names" {
  value = data.espalier_namespaces.all.items[*].name
}
