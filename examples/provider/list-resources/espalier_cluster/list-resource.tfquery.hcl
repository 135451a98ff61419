provider "espalier" {
  instance = "example"
}

list "espalier_cluster" "all" {
  provider = espalier
}
