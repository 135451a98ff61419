provider "espalier" {
  instance = "example"
}

list "espalier_registry_credential" "all" {
  provider = espalier
}
