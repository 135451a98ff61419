terraform {
  required_providers {
    espalier = { source = "espalier/espalier" }
  }
}

provider "espalier" {
  instance = "example"
}

resource "espalier_cluster" "default" {
  name         = "default"
  scheduling   = "pack"
  drift_policy = "correct"

  destruction_budget = {
    percent = 10
    objects = 5
  }
}
