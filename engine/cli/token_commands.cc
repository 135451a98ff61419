// token create|list|revoke.
#include <algorithm>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include <CLI/CLI.hpp>

#include "absl/strings/str_cat.h"
#include "engine/base/status.h"
#include "engine/cli/commands.h"
#include "engine/cli/document.h"
#include "engine/model/duration_text.h"
#include "engine/model/encode.h"
#include "engine/model/field.h"
#include "engine/model/timestamp.h"
#include "engine/render/table.h"

namespace espalier::cli {
namespace {

struct CreateFlags {
  std::string role;
  std::string host;
  std::string source;
  std::string subject;
  std::string ttl;
  std::string out_file;
};

absl::StatusOr<v1::TokenInfo::Role> RoleOf(const std::string& name) {
  const auto* roles = v1::TokenInfo::Role_descriptor();
  for (int i = 0; i < roles->value_count(); ++i) {
    if (roles->value(i)->number() != 0 && EnumName(*roles->value(i)) == name) {
      return static_cast<v1::TokenInfo::Role>(roles->value(i)->number());
    }
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "there is no role \"", name, "\"; there are admin, editor, viewer, agent and reconciler"));
}

absl::StatusOr<int> Create(Invocation& invocation, const CreateFlags& flags) {
  v1::CreateTokenRequest request;
  ESPALIER_ASSIGN_OR_RETURN(const v1::TokenInfo::Role role, RoleOf(flags.role));
  request.mutable_token()->set_role(role);
  request.mutable_token()->set_host(flags.host);
  request.mutable_token()->set_source(flags.source);
  request.mutable_token()->set_subject(flags.subject);
  ESPALIER_ASSIGN_OR_RETURN(const std::int64_t ttl, SecondsFromText(flags.ttl));
  request.set_ttl_seconds(ttl);
  ESPALIER_ASSIGN_OR_RETURN(Remote * remote, invocation.Engine());
  ESPALIER_ASSIGN_OR_RETURN(const v1::CreateTokenResponse response,
                            remote->CreateToken(invocation.Context(), request));
  if (flags.out_file.empty()) {
    invocation.out << response.secret() << "\n";
    return kSuccess;
  }
  ESPALIER_RETURN_IF_ERROR(
      invocation.io.WriteFile(flags.out_file, absl::StrCat(response.secret(), "\n"), 0600));
  invocation.out << "token " << response.token().id() << " is in " << flags.out_file << "\n";
  return kSuccess;
}

absl::StatusOr<int> List(Invocation& invocation) {
  ESPALIER_ASSIGN_OR_RETURN(Remote * remote, invocation.Engine());
  ESPALIER_ASSIGN_OR_RETURN(const v1::ListTokensResponse response,
                            remote->ListTokens(invocation.Context()));
  std::vector<v1::TokenInfo> tokens(response.tokens().begin(), response.tokens().end());
  std::sort(tokens.begin(), tokens.end(), [](const v1::TokenInfo& a, const v1::TokenInfo& b) {
    return std::make_tuple(a.role(), a.subject(), a.id()) <
           std::make_tuple(b.role(), b.subject(), b.id());
  });
  if (WantsDocument(invocation)) {
    PrintItems(invocation, [&](DocumentWriter& writer) {
      for (const v1::TokenInfo& token : tokens) WriteMessage(token, writer);
    });
    return kSuccess;
  }
  Table table({"ID", "ROLE", "SUBJECT", "HOST", "SOURCE", "EXPIRES"});
  for (const v1::TokenInfo& token : tokens) {
    table.AddRow({token.id(), EnumWord(token.role()), token.subject(), token.host(), token.source(),
                  token.has_expires_at() ? MinuteText(TimeOf(token.expires_at())) : "never"});
  }
  invocation.out << table.ToText();
  return kSuccess;
}

}  // namespace

void AddTokenCommands(CLI::App& app, Command& chosen) {
  CLI::App* token = app.add_subcommand("token", "Who may call the engine");
  token->require_subcommand(1);

  const auto flags = std::make_shared<CreateFlags>();
  CLI::App* create = token->add_subcommand("create", "Make a token; it is told once");
  create->add_option("--role", flags->role, "admin, editor, viewer, agent or reconciler")
      ->required();
  create->add_option("--host", flags->host, "for an agent: its host");
  create->add_option("--source", flags->source, "for a reconciler: its GitSource; none is any");
  create->add_option("--subject", flags->subject, "who holds it, in reports of who changed what");
  create->add_option("--ttl", flags->ttl, "ends after this long: 24h");
  create->add_option("--out", flags->out_file, "write it to this file, readable by its owner only");
  create->callback([&chosen, flags] {
    chosen = [flags](Invocation& invocation) { return Create(invocation, *flags); };
  });

  CLI::App* list = token->add_subcommand("list", "All tokens, without their secrets");
  list->callback([&chosen] { chosen = [](Invocation& invocation) { return List(invocation); }; });

  const auto id = std::make_shared<std::string>();
  CLI::App* revoke = token->add_subcommand("revoke", "End a token at once");
  revoke->add_option("id", *id, "from token list")->required();
  revoke->callback([&chosen, id] {
    chosen = [id](Invocation& invocation) -> absl::StatusOr<int> {
      ESPALIER_ASSIGN_OR_RETURN(Remote * remote, invocation.Engine());
      ESPALIER_RETURN_IF_ERROR(remote->RevokeToken(invocation.Context(), *id));
      invocation.out << "token " << *id << " is revoked\n";
      return kSuccess;
    };
  });
}

}  // namespace espalier::cli
