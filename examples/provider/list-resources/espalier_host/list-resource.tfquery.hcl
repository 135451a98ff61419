provider "espalier" {
  instance = "example"
}

list "espalier_host" "rack" {
  provider = espalier

  config {
    selector = { rack = "a" }
  }
}
