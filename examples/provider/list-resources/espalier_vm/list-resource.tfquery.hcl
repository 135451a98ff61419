provider "espalier" {
  instance = "example"
}

list "espalier_vm" "ios" {
  provider = espalier

  config {
    namespace = "default"
    selector  = { team = "ios" }
  }
}
