provider "espalier" {
  instance = "example"
}

list "espalier_namespace" "all" {
  provider = espalier
}
