terraform {
  required_providers {
    espalier = { source = "espalier/espalier" }
  }
}

provider "espalier" {
  instance = "example"
}

data "espalier_git_sources" "all" {}

output "repositories" {
  value = { for source in data.espalier_git_sources.all.items : source.name => source.repository }
}
