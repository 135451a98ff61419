provider "espalier" {
  instance = "example"
}

list "espalier_git_source" "all" {
  provider = espalier
}
