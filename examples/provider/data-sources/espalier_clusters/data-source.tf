terraform {
  required_providers {
    espalier = { source = "espalier/espalier" }
  }
}

provider "espalier" {
  instance = "example"
}

data "espalier_clusters" "all" {}

output "scheduling" {
  value = { for cluster in data.espalier_clusters.all.items : cluster.name => cluster.scheduling }
}
