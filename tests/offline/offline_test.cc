// `espalier validate` against what the reconciler and the engine say of the same files: a corpus of
// wrong trees, each written to a directory, committed to a repository and sent to an engine. All
// three must find the same problems, and the corpus must have every problem that files alone tell.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "engine/base/limits.h"
#include "engine/cli/source_files.h"
#include "engine/load/directory.h"
#include "engine/load/load.h"
#include "engine/model/problem.h"
#include "engine/server/local_resources.h"
#include "engine/store/memory.h"
#include "reconciler/git/tree.h"
#include "reconciler/source_set.h"
#include "reconciler/testing/test_repository.h"
#include "tests/support/fake_clock.h"
#include "tests/support/temp_dir.h"

namespace espalier {
namespace {

using ::testing::ElementsAreArray;
using ::testing::IsSubsetOf;
using Mode = TestFile::Mode;

constexpr char kFolder[] = "fleet";

struct WrongTree {
  std::string name;
  std::map<std::string, TestFile> files;
  // "file:line:column code" of what must be found; more may be.
  std::vector<std::string> found;
  // A directory of this system cannot hold it.
  bool only_in_git = false;
};

std::string Document(absl::string_view kind, absl::string_view rest) {
  return absl::StrCat("apiVersion: espalier/v1\nkind: ", kind, "\n", rest);
}

std::string Vm(absl::string_view name, absl::string_view spec) {
  return Document("Vm", absl::StrCat("metadata: {name: ", name, "}\nspec:\n", spec));
}

std::string Repeated(absl::string_view text, std::size_t times) {
  std::string all;
  for (std::size_t i = 0; i < times; ++i) absl::StrAppend(&all, text);
  return all;
}

std::vector<WrongTree> Corpus() {
  const std::string good = Document("Namespace", "metadata: {name: ci}\n");
  std::string many;
  for (std::size_t i = 0; i <= limits::kProblems; ++i) absl::StrAppend(&many, "  f", i, ": 1\n");
  std::vector<WrongTree> trees = {
      {"Good", {{"a.yaml", {good}}}, {}},
      {"Nothing", {}, {".:0:0 missing_folder"}},
      {"Syntax", {{"a.yaml", {"a: b: c\n"}}}, {"a.yaml:1:5 syntax_error"}},
      {"Json", {{"a.json", {"{\"kind\": \"Vm\",}"}}}, {"a.json:1:15 syntax_error"}},
      {"TwoDocumentsInJson", {{"a.json", {"{} {}"}}}, {"a.json:1:4 syntax_error"}},
      {"Utf8", {{"a.yaml", {"a: \xff\n"}}}, {"a.yaml:1:4 invalid_utf8"}},
      {"Control", {{"a.yaml", {"a: \x01\n"}}}, {"a.yaml:1:4 syntax_error"}},
      {"Key", {{"a.yaml", {Vm("a", "  image: a\n  image: b\n")}}}, {"a.yaml:6:3 duplicate_key"}},
      {"Anchor", {{"a.yaml", {Vm("a", "  image: &x sonoma\n")}}}, {"a.yaml:5:10 yaml_feature"}},
      {"Alias", {{"a.yaml", {"a: &x 1\nb: *x\n"}}}, {"a.yaml:2:4 yaml_feature"}},
      {"Tag",
       {{"a.yaml", {Vm("a", "  image: !!python/object x\n")}}},
       {"a.yaml:5:10 yaml_feature"}},
      {"Deep",
       {{"a.yaml", {absl::StrCat("a: ", std::string(limits::kDocumentDepth + 1, '['))}}},
       {"a.yaml:1:20 too_large"}},
      {"Documents",
       {{"a.yaml", {Repeated("---\na: 1\n", limits::kDocumentsPerFile + 1)}}},
       {"a.yaml:0:0 too_large"}},
      {"Bytes",
       {{"a.yaml", {std::string(limits::kDocumentBytes + 1, '#')}}, {"b.yaml", {"a: b: c\n"}}},
       {"a.yaml:0:0 too_large", "b.yaml:1:5 syntax_error"}},
      {"Kind", {{"a.yaml", {Document("VmPol", "")}}}, {"a.yaml:2:7 unknown_kind"}},
      {"NoKind", {{"a.yaml", {"apiVersion: espalier/v1\n"}}}, {"a.yaml:1:1 missing_field"}},
      {"NoVersion", {{"a.yaml", {"kind: Vm\n"}}}, {"a.yaml:1:1 missing_field"}},
      {"NoMap", {{"a.yaml", {"- a\n"}}}, {"a.yaml:1:1 invalid_value"}},
      {"Field", {{"a.yaml", {Vm("a", "  imagee: b\n")}}}, {"a.yaml:5:3 unknown_field"}},
      {"TopLevelField", {{"a.yaml", {good + "more: 1\n"}}}, {"a.yaml:4:1 unknown_field"}},
      {"NoImage", {{"a.yaml", {Vm("a", "  cpu: 2\n")}}}, {"a.yaml:4:1 missing_field"}},
      {"NoName", {{"a.yaml", {Document("Namespace", "")}}}, {"a.yaml:1:1 missing_field"}},
      {"Type", {{"a.yaml", {Vm("a", "  image: a\n  cpu: many\n")}}}, {"a.yaml:6:8 invalid_value"}},
      {"Range", {{"a.yaml", {Vm("a", "  image: a\n  cpu: 0\n")}}}, {"a.yaml:6:8 invalid_value"}},
      {"Enum", {{"a.yaml", {Vm("a", "  image: a\n  power: of\n")}}}, {"a.yaml:6:10 invalid_value"}},
      {"Policy",
       {{"a.yaml",
         {Document("Namespace",
                   "metadata: {name: a, annotations: {espalier/prnue: disabled}}\n")}}},
       {"a.yaml:3:51 unknown_policy"}},
      {"Name", {{"a.yaml", {Vm("A", "  image: a\n")}}}, {"a.yaml:3:18 invalid_value"}},
      {"Label",
       {{"a.yaml", {Document("Namespace", "metadata: {name: a, labels: {'-': b}}\n")}}},
       {"a.yaml:3:35 invalid_value"}},
      {"NamespaceOfNone",
       {{"a.yaml", {Document("Namespace", "metadata: {name: a, namespace: b}\n")}}},
       {"a.yaml:3:32 invalid_value"}},
      {"Empty",
       {{"a.yaml", {Vm("a", "  image: a\n  host_labels: {}\n")}}},
       {"a.yaml:6:16 invalid_value"}},
      {"Oneof",
       {{"a.yaml", {Document("VmPool", "metadata: {name: a}\nspec: {template: {image: b}}\n")}}},
       {"a.yaml:4:7 missing_field"}},
      {"LfsPointer",
       {{"a.yaml",
         {"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 12345\n"}}},
       {"a.yaml:1:0 lfs_pointer"}},
      {"Secret",
       {{"a.yaml",
         {Vm("a", absl::StrCat("  image: a\n  guest_metadata:\n    t: ghp_", Repeated("x", 36)))}}},
       {"a.yaml:7:8 looks_like_secret"}},
      {"Twice",
       {{"a.yaml", {good}}, {"b.yaml", {absl::StrCat("---\n", good)}}},
       {"b.yaml:2:0 duplicate_object"}},
      {"TwiceInTheDefaultNamespace",
       {{"a.yaml", {Vm("a", "  image: a\n")}},
        {"b.yaml",
         {Document("Vm", "metadata: {name: a, namespace: default}\nspec: {image: b}\n")}}},
       {"b.yaml:1:0 duplicate_object"}},
      {"Many",
       {{"a.yaml", {Vm("a", many)}}},
       {"a.yaml:5:3 unknown_field", ":0:0 too_many_problems"}},
      {"Source",
       {{"a.yaml", {Document("GitSource", "metadata: {name: a}\nspec: {repository: /srv/a}\n")}}},
       {"a.yaml:1:0 not_from_git"}},
      {"SourceOfNoVersions",
       {{"a.yaml",
         {Document("GitSource",
                   "metadata: {name: a}\nspec:\n  repository: /srv/a\n"
                   "  tags: {range: newest}\n")}}},
       {"a.yaml:6:17 invalid_value"}},
      {"Credentials",
       {{"a.yaml",
         {Document("RegistryCredential",
                   "metadata: {name: a}\nspec: {registry: r.example, username: u, password: "
                   "{file: p}}\n")}}},
       {"a.yaml:1:0 not_from_git"}},
      {"SecretInGit",
       {{"a.yaml",
         {Document("RegistryCredential",
                   "metadata: {name: a}\nspec: {registry: r.example, username: u, password: "
                   "{value: p}}\n")}}},
       {"a.yaml:1:0 secret_in_git"}},
      {"Symlink",
       {{"a.yaml", {good}}, {"b.yaml", {"a.yaml", Mode::kSymlink}}},
       {"b.yaml:0:0 not_a_file"}},
      {"SymlinkToFolder", {{"b", {"..", Mode::kSymlink}}}, {"b:0:0 not_a_file"}},
      {"Submodule", {{"a", {"", Mode::kSubmodule}}}, {"a:0:0 not_a_file"}, true},
      {"Case", {{"A.yaml", {good}}, {"a.yaml", {good}}}, {"a.yaml:0:0 bad_file_name"}},
      {"DotGit", {{"git~1/a.yaml", {good}}}, {"git~1:0:0 bad_file_name"}},
      {"Backslash", {{"a\\b.yaml", {good}}}, {"a\\\\b.yaml:0:0 bad_file_name"}},
      {"Folders",
       {{Repeated("d/", limits::kSourceDepth + 1) + "a.yaml", {good}}},
       {".:0:0 too_large"}},
      {"GoodBesideBad",
       {{"a.yaml", {good + "---\na: b: c\n"}}, {"x/b.yaml", {Vm("b", "  cpu: 0\n")}}},
       {"a.yaml:5:5 syntax_error", "x/b.yaml:4:1 missing_field", "x/b.yaml:5:8 invalid_value"}},
  };
  return trees;
}

std::string Place(const Problem& problem) {
  return absl::StrCat(problem.file(), ":", problem.line(), ":", problem.column(), " ",
                      problem.code());
}

// All that is said, with files as if the tree were the root.
std::vector<std::string> Texts(const Problems& problems, const std::string& root) {
  std::vector<std::string> texts;
  for (Problem problem : problems.list()) {
    absl::string_view file = problem.file();
    absl::ConsumePrefix(&file, root);
    if (!absl::ConsumePrefix(&file, "/") && file.empty() && !problem.file().empty()) file = ".";
    problem.set_file(std::string(file));
    // What a folder is called where it is read from is not part of the tree.
    if (file == ".") problem.clear_message();
    const std::string text = ToString(problem);
    texts.push_back(
        absl::StrCat(Place(problem), " ", absl::StrReplaceAll(text, {{root + "/", ""}})));
  }
  return texts;
}

class OfflineTest : public ::testing::Test {
 protected:
  OfflineTest() { EXPECT_EQ(io_->MakeDirs(Root(), 0755), absl::OkStatus()); }

  std::string Root() const { return absl::StrCat(dir_.path(), "/tree"); }

  Problems Offline(const WrongTree& tree) {
    const std::string root = absl::StrCat(Root(), "/", tree.name);
    for (const auto& [path, file] : tree.files) {
      const std::string full = absl::StrCat(root, "/", path);
      EXPECT_TRUE(io_->MakeDirs(full.substr(0, full.rfind('/')), 0755).ok());
      if (file.mode == Mode::kSymlink) {
        EXPECT_EQ(symlink(file.bytes.c_str(), full.c_str()), 0);
      } else {
        EXPECT_TRUE(io_->WriteFile(full, file.bytes, 0644).ok());
      }
    }
    Problems problems;
    const auto loaded = cli::LoadPaths(invocation_, {root}, cli::GitKinds(std::in_place), problems);
    EXPECT_TRUE(loaded.ok()) << loaded.status();
    return problems;
  }

  Problems InGit(const WrongTree& tree) {
    std::map<std::string, TestFile> files;
    for (const auto& [path, file] : tree.files) files[absl::StrCat(kFolder, "/", path)] = file;
    const std::string commit = repository_.Commit(files);
    const auto opened = GitTree::Open(*OpenRepository::Open(library_, repository_.path()), commit);
    EXPECT_TRUE(opened.ok()) << opened.status();
    v1::GitSourceSpec spec;
    spec.set_path(kFolder);
    absl::StatusOr<LoadedSet> set = SourceSet().Load(**opened, commit, spec, SourceSet::kHead);
    EXPECT_TRUE(set.ok()) << set.status();
    return std::move(set->problems);
  }

  GitLibrary library_;
  TempDir dir_;
  TestRepository repository_{library_, absl::StrCat(dir_.path(), "/r.git")};
  FakeClock clock_{FakeClock::Mode::kAutoAdvance};
  std::unique_ptr<Threads> threads_ = MakeRealThreads();
  Random random_{1};
  std::unique_ptr<Io> io_ = MakeRealIo();
  std::istringstream in_;
  std::ostringstream out_;
  std::ostringstream err_;
  cli::Invocation invocation_{clock_, *threads_, random_, *io_, in_, out_, err_};
};

TEST_F(OfflineTest, SaysWhatTheReconcilerSays) {
  std::set<std::string> seen;
  for (const WrongTree& tree : Corpus()) {
    const Problems in_git = InGit(tree);
    std::vector<std::string> places;
    for (const std::string& text : Texts(in_git, kFolder)) {
      places.push_back(text.substr(0, text.find(' ', text.find(' ') + 1)));
    }
    EXPECT_THAT(tree.found, IsSubsetOf(places)) << tree.name;
    EXPECT_EQ(tree.found.empty(), in_git.list().empty()) << tree.name;
    for (const Problem& problem : in_git.list()) {
      seen.insert(problem.code());
      const ProblemCodeInfo* info = FindProblemCode(problem.code());
      ASSERT_NE(info, nullptr) << problem.code();
      EXPECT_EQ(info->found_by, FoundBy::kFiles) << problem.code();
    }
    if (tree.only_in_git) continue;
    EXPECT_THAT(Texts(Offline(tree), absl::StrCat(Root(), "/", tree.name)),
                ElementsAreArray(Texts(in_git, kFolder)))
        << tree.name;
  }
  // No field is deprecated now; engine/model/validate_test.cc makes one.
  seen.insert("deprecated_field");
  for (const absl::string_view code : kProblemCodes) {
    if (FindProblemCode(code)->found_by == FoundBy::kEngine) continue;
    EXPECT_TRUE(seen.contains(std::string(code))) << code << " is in no tree";
  }
}

// What the engine finds in objects that somebody sends it without looking at them first: the codes
// that files tell, each about the same path of the same object.
TEST_F(OfflineTest, SaysOfObjectsWhatTheEngineSays) {
  const std::unique_ptr<Log> log = MakeNullLog();
  const std::unique_ptr<Store> store = MakeMemoryStore("e1");
  auto engine = LocalResources::Open(clock_, random_, *log, *store, {});
  ASSERT_TRUE(engine.ok()) << engine.status();
  CallContext context;
  context.caller.role = Caller::Role::kAdmin;
  int compared = 0;
  for (const WrongTree& tree : Corpus()) {
    if (tree.only_in_git) continue;
    const auto text = [](const Problem& problem) {
      return absl::StrCat(problem.code(), " ", problem.ref().kind(), "/", problem.ref().name(), " ",
                          problem.path(), " ", problem.message());
    };
    Problems reading;
    const std::string root = absl::StrCat(Root(), "/", tree.name);
    const Problems offline = Offline(tree);
    const auto files = ReadDirectory(*io_, root, reading);
    if (!files.ok()) continue;
    ApplyRequest request;
    request.mutable_owner()->set_manager(Owner::GIT);
    request.mutable_owner()->set_instance("fleet");
    request.set_dry_run(true);
    std::set<std::string> of_objects;
    for (const SourceFile& file : *files) {
      for (const LoadedObject& object : LoadFile(file, reading)) {
        of_objects.insert(object->resource().metadata().name());
        *request.add_objects() = *object;
      }
    }
    std::multiset<std::string> expected;
    for (const Problem& problem : offline.list()) {
      // Registry credentials are the reconciler's rule: it knows of no token that may send them.
      if (problem.ref().kind() == "registry_credential" && Is(problem, "not_from_git")) continue;
      if (problem.has_ref() && of_objects.contains(problem.ref().name())) {
        expected.insert(text(problem));
      }
    }
    const absl::StatusOr<ApplyResult> result = (*engine)->Apply(context, request);
    ASSERT_TRUE(result.ok()) << tree.name << result.status();
    std::multiset<std::string> found;
    for (const Problem& problem : result->problems()) {
      const ProblemCodeInfo* info = FindProblemCode(problem.code());
      ASSERT_NE(info, nullptr) << problem.code();
      if (info->found_by == FoundBy::kFiles) found.insert(text(problem));
    }
    EXPECT_EQ(found, expected) << tree.name;
    compared += static_cast<int>(found.size());
  }
  EXPECT_GE(compared, 10);
}

}  // namespace
}  // namespace espalier
