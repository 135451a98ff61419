#include "engine/daemon/options.h"

#include <CLI/CLI.hpp>

#include "engine/base/version.h"

namespace espalier {

absl::StatusOr<ParsedOptions> ParseOptions(int argc, const char* const* argv) {
  ParsedOptions parsed;
  DaemonOptions& options = parsed.options;
  CLI::App app(
      "espalierd: the engine of Espalier. Keeps what is declared, places VMs on hosts, and serves "
      "gRPC and REST.",
      "espalierd");
  app.set_version_flag("--version", std::string("espalierd ") + kVersion);
  app.add_option("--data-dir", options.data_dir, "Where its database and first token are kept")
      ->required();
  app.add_option("--grpc", options.grpc, "Address for gRPC; port 0 lets the system choose")
      ->capture_default_str();
  app.add_option("--http", options.http, "Address for REST; port 0 lets the system choose")
      ->capture_default_str();
  app.add_option("--tls-cert", options.tls_cert, "Certificate (PEM); needed beyond loopback");
  app.add_option("--tls-key", options.tls_key, "Its key (PEM)");
  app.add_option("--client-ca", options.client_ca,
                 "Authority (PEM) that must have signed the clients' certificates");
  app.add_option("--secrets-dir", options.secrets_dir, "Below it lie the files that secrets name");
  app.add_flag("--forget-secrets", options.forget_secrets,
               "Remove all secrets that were given as values: DATA_DIR/secrets.key is lost");
  app.add_option("--ready-file", options.ready_file,
                 "Written as JSON, with the chosen addresses, once it serves");
  app.add_option("--log-level", options.log_level, "debug, info, warn or error")
      ->check(CLI::IsMember({"debug", "info", "warn", "error"}))
      ->capture_default_str();
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    parsed.message = app.help();
  } catch (const CLI::CallForVersion&) {
    parsed.message = app.version() + "\n";
  } catch (const CLI::ParseError& error) {
    return absl::InvalidArgumentError(error.what());
  }
  return parsed;
}

}  // namespace espalier
