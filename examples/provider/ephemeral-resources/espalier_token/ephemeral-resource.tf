terraform {
  required_providers {
    espalier = { source = "espalier/espalier" }
  }
}

provider "espalier" {
  instance = "example"
}

# For a script that asks the engine something while Terraform applies. The token ends with the run.
ephemeral "espalier_token" "report" {
  role    = "viewer"
  subject = "fleet report"
}

resource "terraform_data" "report" {
  provisioner "local-exec" {
    command     = "test -n \"$ESPALIER_TOKEN\" # espalier get hosts > hosts.txt"
    environment = { ESPALIER_TOKEN = ephemeral.espalier_token.report.token }
  }
}
