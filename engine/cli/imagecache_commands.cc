// imagecache add|info|list: images on the disks of the Macs, in Orka's words.
#include <algorithm>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "engine/base/limits.h"
#include "engine/base/status.h"
#include "engine/cli/cached_images.h"
#include "engine/cli/commands.h"
#include "engine/cli/document.h"
#include "engine/cli/fleet.h"
#include "engine/model/encode.h"
#include "engine/model/size_text.h"
#include "engine/model/validate.h"
#include "engine/render/table.h"

namespace espalier::cli {
namespace {

struct AddFlags {
  std::string image;
  std::vector<std::string> nodes;
  std::vector<std::string> tags;
  bool all = false;
};

// "cli-registry-example-macos-sonoma-14": the name of the cache that `ic add` keeps for an image.
std::string CacheNameFor(const std::string& image) {
  std::string name = "cli-";
  for (const char c : image) {
    const char lower = absl::ascii_tolower(static_cast<unsigned char>(c));
    const bool plain = absl::ascii_isalnum(static_cast<unsigned char>(lower));
    if (plain) {
      name += lower;
    } else if (name.back() != '-') {
      name += '-';
    }
  }
  if (name.size() > limits::kNameBytes) name.resize(limits::kNameBytes);
  while (name.back() == '-') name.pop_back();
  return name;
}

std::vector<std::string> SplitAll(const std::vector<std::string>& words) {
  std::vector<std::string> all;
  for (const std::string& word : words) {
    for (const auto part : absl::StrSplit(word, ',', absl::SkipEmpty())) all.emplace_back(part);
  }
  return all;
}

absl::Status AddSelector(const AddFlags& flags, v1::ImageCacheSpec& spec) {
  const int given =
      (flags.nodes.empty() ? 0 : 1) + (flags.tags.empty() ? 0 : 1) + (flags.all ? 1 : 0);
  if (given != 1) return absl::InvalidArgumentError("give one of --nodes, --tags and --all");
  if (flags.all) {
    spec.clear_hosts();
    spec.clear_host_labels();
    spec.set_all_hosts(true);
    return absl::OkStatus();
  }
  if (!flags.tags.empty()) {
    // A tag of Orka's is a label that has it as its key; key=value is a label as it is.
    spec.clear_hosts();
    spec.clear_all_hosts();
    for (const std::string& tag : SplitAll(flags.tags)) {
      const std::vector<std::string> parts = absl::StrSplit(tag, absl::MaxSplits('=', 1));
      (*spec.mutable_host_labels())[parts[0]] = parts.size() > 1 ? parts[1] : "true";
    }
    return absl::OkStatus();
  }
  // Nodes of an earlier `add` stay.
  spec.clear_host_labels();
  spec.clear_all_hosts();
  std::set<std::string> hosts(spec.hosts().begin(), spec.hosts().end());
  for (const std::string& node : SplitAll(flags.nodes)) hosts.insert(node);
  spec.clear_hosts();
  for (const std::string& host : hosts) spec.add_hosts(host);
  return absl::OkStatus();
}

absl::StatusOr<int> Add(Invocation& invocation, const AddFlags& flags) {
  ESPALIER_ASSIGN_OR_RETURN(Resources * resources, invocation.ResourcesOfEngine());
  Resource cache;
  const Ref ref{Kind::kImageCache, "", CacheNameFor(flags.image)};
  absl::StatusOr<Resource> standing = resources->Get(invocation.Context(), ref);
  if (standing.ok()) {
    cache = *standing;
  } else if (!absl::IsNotFound(standing.status())) {
    return standing.status();
  }
  cache.mutable_metadata()->set_name(ref.name);
  v1::ImageCacheSpec& spec = *cache.mutable_image_cache()->mutable_spec();
  spec.clear_images();
  spec.add_images(flags.image);
  ESPALIER_RETURN_IF_ERROR(AddSelector(flags, spec));
  ApplyRequest request;
  request.mutable_owner()->set_manager(Owner::CLI);
  *request.add_objects()->mutable_resource() = cache;
  ESPALIER_ASSIGN_OR_RETURN(const ApplyResult result,
                            resources->Apply(invocation.Context(), request));
  const int code = PrintApplied(invocation, result);
  if (code == kSuccess) {
    invocation.err << "It goes on by itself; follow it with: espalier imagecache info "
                   << flags.image << "\n";
  }
  return code;
}

std::string StateText(const Copy& copy) {
  if (copy.state == Copy::State::kReady) return "Ready";
  if (copy.state == Copy::State::kFailed) return absl::StrCat("Failed: ", copy.message);
  return copy.pull.has_value() ? absl::StrCat("Caching (", ProgressText(*copy.pull), ")")
                               : "Caching";
}

void WriteCopy(const Copy& copy, DocumentWriter& writer) {
  writer.BeginMap();
  writer.Member("host", copy.host);
  writer.Member("state", copy.state == Copy::State::kReady    ? "ready"
                         : copy.state == Copy::State::kFailed ? "failed"
                                                              : "caching");
  writer.Key("bytes");
  writer.Literal(absl::StrCat(copy.bytes));
  if (!copy.message.empty()) writer.Member("message", copy.message);
  if (copy.pull.has_value()) {
    writer.Key("pull");
    WriteMessage(*copy.pull, writer);
  }
  writer.EndMap();
}

void WriteCachedImage(const std::string& digest, const CachedImage& image, DocumentWriter& writer) {
  writer.BeginMap();
  writer.Member("reference", image.reference);
  writer.Member("digest", digest);
  writer.Key("bytes");
  writer.Literal(absl::StrCat(image.bytes));
  writer.Key("copies");
  writer.BeginList();
  for (const Copy& copy : image.copies) WriteCopy(copy, writer);
  writer.EndList();
  writer.EndMap();
}

void PrintCachedImages(Invocation& invocation,
                       const std::vector<std::pair<std::string, CachedImage>>& images) {
  PrintItems(invocation, [&](DocumentWriter& writer) {
    for (const auto& [digest, image] : images) WriteCachedImage(digest, image, writer);
  });
}

absl::StatusOr<int> List(Invocation& invocation) {
  ESPALIER_ASSIGN_OR_RETURN(const CachedImages images, ReadCachedImages(invocation));
  // People look for names.
  std::vector<std::pair<std::string, CachedImage>> by_name(images.begin(), images.end());
  std::stable_sort(by_name.begin(), by_name.end(), [](const auto& a, const auto& b) {
    return a.second.reference < b.second.reference;
  });
  if (WantsDocument(invocation)) {
    PrintCachedImages(invocation, by_name);
    return kSuccess;
  }
  Table table({"NAME", "TAG", "IMAGE-ID", "SPACE-USED", "NODES-COUNT"});
  for (const auto& [digest, image] : by_name) {
    const auto [name, tag] = NameAndTag(image.reference);
    table.AddRow({name, tag, ShortDigest(digest), SizeText(static_cast<double>(image.bytes)),
                  absl::StrCat(image.copies.size())});
  }
  PrintTable(invocation, table, "no node caches an image; add one with: espalier imagecache add");
  return kSuccess;
}

// No node has it and none was told to: asked for in vain, not yet, or never asked for.
absl::StatusOr<int> SayWhyNotCached(Invocation& invocation, const std::string& wanted) {
  ESPALIER_ASSIGN_OR_RETURN(const std::vector<Resource> caches,
                            invocation.ListKind(Kind::kImageCache));
  for (const Resource& cache : caches) {
    const auto& images = cache.image_cache().spec().images();
    if (std::find(images.begin(), images.end(), wanted) == images.end()) continue;
    std::string why = "no node was told to yet";
    for (const auto& [name, condition] : cache.image_cache().status().conditions()) {
      if (!condition.message().empty()) why = condition.message();
    }
    return absl::UnavailableError(
        absl::StrCat("no node caches ", wanted, ": ", why, " (", ToString(RefOf(cache)), ")"));
  }
  return absl::NotFoundError(
      absl::StrCat("no node caches ", wanted, "; add it with: espalier imagecache add ", wanted));
}

absl::StatusOr<int> Info(Invocation& invocation, const std::string& wanted) {
  // By the name of an Image, a reference, its repository, or the beginning of its digest.
  std::string digest_of_image;
  if (IsValidName(wanted)) {
    ESPALIER_ASSIGN_OR_RETURN(Resources * resources, invocation.ResourcesOfEngine());
    const absl::StatusOr<Resource> image =
        resources->Get(invocation.Context(), Ref{Kind::kImage, "", wanted});
    if (image.ok()) digest_of_image = image->image().status().digest();
  }
  ESPALIER_ASSIGN_OR_RETURN(const CachedImages images, ReadCachedImages(invocation));
  std::vector<std::pair<std::string, CachedImage>> found;
  for (const auto& [digest, image] : images) {
    const auto [name, tag] = NameAndTag(image.reference);
    const bool is_wanted = digest == digest_of_image || image.reference == wanted ||
                           name == wanted || absl::StrCat(name, ":", tag) == wanted ||
                           ShortDigest(digest) == wanted;
    if (is_wanted) found.emplace_back(digest, image);
  }
  if (found.empty()) return SayWhyNotCached(invocation, wanted);
  if (WantsDocument(invocation)) {
    PrintCachedImages(invocation, found);
    return kSuccess;
  }
  Table table({"NODE-NAME", "IMAGE-ID", "SPACE-USED", "STATE"});
  for (const auto& [digest, image] : found) {
    for (const Copy& copy : image.copies) {
      // What is not there yet has no id.
      table.AddRow({copy.host, copy.state == Copy::State::kReady ? ShortDigest(digest) : "",
                    copy.bytes == 0 ? "" : SizeText(static_cast<double>(copy.bytes)),
                    StateText(copy)});
    }
  }
  invocation.out << table.ToText();
  return kSuccess;
}

}  // namespace

void AddImageCacheCommands(CLI::App& app, Command& chosen) {
  CLI::App* cache = app.add_subcommand("imagecache", "Images on the nodes' disks")->alias("ic");
  cache->require_subcommand(1);

  const auto flags = std::make_shared<AddFlags>();
  CLI::App* add = cache->add_subcommand("add", "Cache an image on nodes; returns at once");
  add->add_option("image", flags->image, "name of an Image, or an OCI reference")->required();
  add->add_option("--nodes", flags->nodes, "on these nodes: a,b");
  add->add_option("--tags", flags->tags, "on nodes that carry all of these: ci,tier=gold");
  add->add_flag("--all", flags->all, "on every node");
  add->callback([&chosen, flags] {
    chosen = [flags](Invocation& invocation) { return Add(invocation, *flags); };
  });

  const auto wanted = std::make_shared<std::string>();
  CLI::App* info = cache->add_subcommand("info", "Where an image is cached, and how far it is");
  info->add_option("image", *wanted, "name of an Image, reference, or image id")->required();
  info->callback([&chosen, wanted] {
    chosen = [wanted](Invocation& invocation) { return Info(invocation, *wanted); };
  });

  CLI::App* list = cache->add_subcommand("list", "All cached images");
  list->callback([&chosen] { chosen = [](Invocation& invocation) { return List(invocation); }; });
}

}  // namespace espalier::cli
