// image list|push, remote-image list: images by name and in registries, in Orka's words.
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "engine/base/status.h"
#include "engine/cli/cached_images.h"
#include "engine/cli/commands.h"
#include "engine/cli/document.h"
#include "engine/model/size_text.h"
#include "engine/net/http.h"
#include "engine/oci/registry.h"
#include "engine/oci/transfer.h"
#include "engine/render/table.h"

namespace espalier::cli {
namespace {

struct PushFlags {
  std::string reference;
  std::string disk;
  std::string kernel;
  std::string initrd;
  std::string cmdline;
  std::string nvram;
  std::string os = "linux";
  std::string arch = "amd64";
  std::string username;
  std::string password_file;
};

// A registry client with one login, for the registry that the user named.
class Client {
 public:
  static absl::StatusOr<std::unique_ptr<Client>> Make(Invocation& invocation,
                                                      const std::string& username,
                                                      const std::string& password_file) {
    oci::Credential credential;
    if (!username.empty()) {
      ESPALIER_ASSIGN_OR_RETURN(const std::string password,
                                invocation.io.ReadFile(password_file, 64 * 1024));
      credential.username = username;
      credential.password = std::string(absl::StripAsciiWhitespace(password));
    }
    auto client = std::make_unique<Client>();
    client->http_ = MakeHttp();
    client->registry_ = oci::MakeRegistry(invocation.clock, invocation.random, *client->http_,
                                          [credential](const std::string&) { return credential; });
    return client;
  }
  oci::Registry& registry() { return *registry_; }

 private:
  std::unique_ptr<Http> http_;
  std::unique_ptr<oci::Registry> registry_;
};

absl::StatusOr<int> Push(Invocation& invocation, const PushFlags& flags) {
  ESPALIER_ASSIGN_OR_RETURN(const oci::Reference reference, oci::ParseReference(flags.reference));
  ESPALIER_ASSIGN_OR_RETURN(const auto client,
                            Client::Make(invocation, flags.username, flags.password_file));
  oci::PushOptions options;
  options.os = flags.os;
  options.arch = flags.arch;
  options.cmdline = flags.cmdline;
  oci::PushFiles files;
  files.disk = flags.disk;
  files.kernel = flags.kernel;
  files.initrd = flags.initrd;
  files.nvram = flags.nvram;
  ESPALIER_ASSIGN_OR_RETURN(const std::string digest,
                            oci::PushImage(invocation.threads, invocation.io, client->registry(),
                                           reference, files, options));
  invocation.out << reference.ToString() << "@" << digest << "\n";
  return kSuccess;
}

absl::StatusOr<int> List(Invocation& invocation) {
  ESPALIER_ASSIGN_OR_RETURN(const std::vector<Resource> images, invocation.ListKind(Kind::kImage));
  if (WantsDocument(invocation)) {
    PrintObjects(invocation, images, false);
    return kSuccess;
  }
  Table table({"NAME", "REFERENCE", "IMAGE-ID", "SIZE", "TYPE", "STATE"});
  for (const Resource& image : images) {
    const v1::ImageStatus& status = image.image().status();
    const auto resolved = status.conditions().find("Resolved");
    std::string state = "Updating";
    if (resolved != status.conditions().end()) {
      if (resolved->second.state() == v1::Condition::TRUE) state = "Ready";
      if (resolved->second.state() == v1::Condition::FALSE) state = "Failed";
    }
    table.AddRow(
        {image.metadata().name(), image.image().spec().reference(), ShortDigest(status.digest()),
         status.disk_bytes() == 0 ? "" : SizeText(static_cast<double>(status.disk_bytes())),
         status.os().empty() ? "" : absl::StrCat(status.os(), "/", status.arch()), state});
  }
  PrintTable(invocation, table, "no images are declared");
  return kSuccess;
}

// All tags of a repository, or of every repository of a registry that tells them.
absl::StatusOr<int> ListRemote(Invocation& invocation, const PushFlags& flags) {
  ESPALIER_ASSIGN_OR_RETURN(const auto client,
                            Client::Make(invocation, flags.username, flags.password_file));
  std::vector<std::string> repositories;
  const std::vector<std::string> parts = absl::StrSplit(flags.reference, absl::MaxSplits('/', 1));
  if (parts.size() == 2) {
    repositories.push_back(parts[1]);
  } else {
    ESPALIER_ASSIGN_OR_RETURN(repositories, client->registry().ListRepositories(parts[0]));
  }
  std::vector<std::pair<std::string, std::string>> found;
  for (const std::string& repository : repositories) {
    const std::string name = absl::StrCat(parts[0], "/", repository);
    ESPALIER_ASSIGN_OR_RETURN(const oci::Reference reference, oci::ParseReference(name));
    ESPALIER_ASSIGN_OR_RETURN(const std::vector<std::string> tags,
                              client->registry().ListTags(reference));
    for (const std::string& tag : tags) found.emplace_back(name, tag);
  }
  if (WantsDocument(invocation)) {
    PrintItems(invocation, [&](DocumentWriter& writer) {
      for (const auto& [name, tag] : found) {
        writer.BeginMap();
        writer.Member("name", name);
        writer.Member("tag", tag);
        writer.EndMap();
      }
    });
    return kSuccess;
  }
  Table table({"NAME", "TAG"});
  for (const auto& [name, tag] : found) table.AddRow({name, tag});
  PrintTable(invocation, table, absl::StrCat("nothing is in ", flags.reference));
  return kSuccess;
}

void AddLogin(CLI::App& command, PushFlags& flags) {
  CLI::Option* user = command.add_option("--username", flags.username, "log in to the registry");
  command.add_option("--password-file", flags.password_file, "the password's file")->needs(user);
}

}  // namespace

void AddImageCommands(CLI::App& app, Command& chosen) {
  CLI::App* image = app.add_subcommand("image", "Images by name")->alias("images");
  image->require_subcommand(1);
  CLI::App* list = image->add_subcommand("list", "Images that are declared");
  list->callback([&chosen] { chosen = [](Invocation& invocation) { return List(invocation); }; });

  const auto flags = std::make_shared<PushFlags>();
  CLI::App* push = image->add_subcommand("push", "Put a disk into a registry as an image");
  push->add_option("disk", flags->disk, "raw disk")->required();
  push->add_option("reference", flags->reference, "registry/name:tag")->required();
  push->add_option("--os", flags->os, "darwin or linux")->capture_default_str();
  push->add_option("--arch", flags->arch, "arm64 or amd64")->capture_default_str();
  push->add_option("--kernel", flags->kernel, "Linux kernel to boot without a boot loader");
  push->add_option("--initrd", flags->initrd, "its initial file system");
  push->add_option("--cmdline", flags->cmdline, "its command line");
  push->add_option("--nvram", flags->nvram, "firmware variables of a macOS guest");
  AddLogin(*push, *flags);
  push->callback([&chosen, flags] {
    chosen = [flags](Invocation& invocation) { return Push(invocation, *flags); };
  });

  const auto remote_flags = std::make_shared<PushFlags>();
  CLI::App* remote = app.add_subcommand("remote-image", "Images in registries");
  remote->require_subcommand(1);
  CLI::App* remote_list = remote->add_subcommand("list", "Tags of a registry or a repository");
  remote_list->add_option("where", remote_flags->reference, "registry, or registry/repository")
      ->required();
  AddLogin(*remote_list, *remote_flags);
  remote_list->callback([&chosen, remote_flags] {
    chosen = [remote_flags](Invocation& invocation) {
      return ListRemote(invocation, *remote_flags);
    };
  });
}

}  // namespace espalier::cli
