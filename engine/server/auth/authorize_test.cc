// The table of who may do what: every role against every call, over a Resources without rules.
#include "engine/server/auth/authorize.h"

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/model/access.h"
#include "engine/model/kind.h"
#include "engine/model/ref.h"
#include "engine/server/testing/permissive_resources.h"
#include "gtest/gtest.h"

namespace espalier {
namespace {

using Role = Caller::Role;

Resource Named(Kind kind, const std::string& name) {
  Resource resource;
  SetKind(resource, kind);
  resource.mutable_metadata()->set_name(name);
  if (InfoOf(kind).namespaced) resource.mutable_metadata()->set_namespace_("default");
  return resource;
}

Resource VmOn(const std::string& name, const std::string& host) {
  Resource vm = Named(Kind::kVm, name);
  vm.mutable_metadata()->set_uid("uid-" + name);
  vm.mutable_vm()->mutable_spec()->set_image("secret-plans");
  vm.mutable_vm()->mutable_status()->mutable_placement()->set_host(host);
  return vm;
}

CallContext As(Role role) {
  CallContext context;
  context.caller.role = role;
  context.caller.subject = "someone";
  if (role == Role::kAgent) context.caller.host = "mac-01";
  if (role == Role::kReconciler) context.caller.source = "fleet";
  return context;
}

absl::Status Apply(Resources& resources, const CallContext& context, Resource resource,
                   Owner::Manager manager, const std::string& instance = "",
                   const std::function<void(ApplyRequest&)>& more = nullptr) {
  ApplyRequest request;
  *request.add_objects()->mutable_resource() = std::move(resource);
  request.mutable_owner()->set_manager(manager);
  request.mutable_owner()->set_instance(instance);
  if (more) more(request);
  return resources.Apply(context, request).status();
}

absl::Status Watching(Resources& resources, const CallContext& context, const Query& query) {
  const absl::Status watch = resources.StartWatch(context, query, "").status();
  const absl::Status list = resources.List(context, query).status();
  EXPECT_EQ(watch.code(), list.code()) << "lists and watches follow the same rule";
  return watch;
}

absl::Status Report(Resources& resources, const CallContext& context, Resource resource,
                    StatusWrite::Writer writer) {
  StatusWrite write;
  *write.mutable_resource() = std::move(resource);
  write.set_writer(writer);
  return resources.UpdateStatus(context, {&write, 1})[0].status();
}

Query Of(const std::vector<std::string>& kinds, const std::string& host = "") {
  Query query;
  for (const std::string& kind : kinds) query.add_kinds(kind);
  query.set_host(host);
  return query;
}

struct Row {
  std::string what;
  std::function<absl::Status(Resources&, const CallContext&)> call;
  // Roles that may: a admin, e editor, v viewer, g agent of mac-01, r reconciler of fleet.
  std::string who;
};

std::vector<Row> Table() {
  const auto apply = [](Kind kind, Owner::Manager manager, const std::string& instance = "",
                        const std::function<void(ApplyRequest&)>& more = nullptr) {
    return [=](Resources& r, const CallContext& c) {
      return Apply(r, c, Named(kind, "x"), manager, instance, more);
    };
  };
  const auto watch = [](const Query& query) {
    return [=](Resources& r, const CallContext& c) { return Watching(r, c, query); };
  };
  const auto report = [](const Resource& resource, StatusWrite::Writer writer) {
    return [=](Resources& r, const CallContext& c) { return Report(r, c, resource, writer); };
  };
  const auto remove = [](const std::string& kind, Owner::Manager manager, bool dry_run) {
    return [=](Resources& r, const CallContext& c) {
      DeleteRequest request;
      request.mutable_ref()->set_kind(kind);
      request.mutable_ref()->set_name(kind == "host" ? "mac-01" : "here");
      request.mutable_owner()->set_manager(manager);
      request.set_dry_run(dry_run);
      return r.Delete(c, request).status();
    };
  };
  const auto hold = [](const std::string& hold, const std::string& kind, const std::string& name,
                       bool clear = false) {
    return [=](Resources& r, const CallContext& c) {
      ApplyRequest request;
      request.mutable_owner()->set_manager(Owner::GIT);
      request.mutable_owner()->set_instance("fleet");
      v1::HoldChange& change = *request.add_holds();
      change.mutable_ref()->set_kind(kind);
      change.mutable_ref()->set_name(name);
      change.set_hold(hold);
      change.set_clear(clear);
      return r.Apply(c, request).status();
    };
  };
  const auto dry = [](ApplyRequest& request) { request.set_dry_run(true); };
  return {
      {"watch everything", watch(Of({})), "aevr"},
      {"watch vms", watch(Of({"vm"})), "aevr"},
      {"watch own host", watch(Of({}, "mac-01")), "aevrg"},
      {"watch another host", watch(Of({}, "mac-02")), "aevr"},
      {"watch images and credentials", watch(Of({"image", "registry_credential"})), "aevrg"},
      {"watch images and vms", watch(Of({"image", "vm"})), "aevr"},
      {"get own host",
       [](Resources& r, const CallContext& c) {
         return r.Get(c, {Kind::kHost, "", "mac-01"}).status();
       },
       "aevrg"},
      {"get another host",
       [](Resources& r, const CallContext& c) {
         return r.Get(c, {Kind::kHost, "", "mac-02"}).status();
       },
       "aevr"},
      {"drift",
       [](Resources& r, const CallContext& c) { return r.Drift(c, DriftRequest()).status(); },
       "aevr"},

      {"apply a vm by cli", apply(Kind::kVm, Owner::CLI), "ae"},
      {"apply a vm by api", apply(Kind::kVm, Owner::API), "ae"},
      {"apply a vm by terraform", apply(Kind::kVm, Owner::TERRAFORM, "ci"), "ae"},
      {"apply a vm as the engine", apply(Kind::kVm, Owner::CONTROLLER, "vm_pool/a/b"), ""},
      {"apply a vm as nobody", apply(Kind::kVm, Owner::MANAGER_UNSPECIFIED), "a"},
      {"apply an image", apply(Kind::kImage, Owner::CLI), "ae"},
      {"apply a host", apply(Kind::kHost, Owner::CLI), "a"},
      {"apply an image cache", apply(Kind::kImageCache, Owner::CLI), "a"},
      {"apply a git source", apply(Kind::kGitSource, Owner::CLI), "a"},
      {"apply a credential", apply(Kind::kRegistryCredential, Owner::CLI), "a"},
      {"apply a cluster", apply(Kind::kCluster, Owner::CLI), "a"},
      {"plan a vm", apply(Kind::kVm, Owner::CLI, "", dry), "aevr"},
      {"plan an image cache for git", apply(Kind::kImageCache, Owner::GIT, "fleet", dry), "aevr"},
      {"plan as the engine", apply(Kind::kVm, Owner::CONTROLLER, "", dry), ""},
      {"cordon a host",
       [](Resources& r, const CallContext& c) {
         ApplyRequest request;
         request.mutable_owner()->set_manager(Owner::CLI);
         request.add_holds()->mutable_ref()->set_kind("host");
         return r.Apply(c, request).status();
       },
       "a"},
      {"release a host",
       [](Resources& r, const CallContext& c) {
         ApplyRequest request;
         request.mutable_owner()->set_manager(Owner::TERRAFORM);
         request.add_release()->set_kind("host");
         return r.Apply(c, request).status();
       },
       "a"},
      {"prune everything",
       apply(Kind::kVm, Owner::TERRAFORM, "ci",
             [](ApplyRequest& request) { request.mutable_prune(); }),
       "a"},
      {"prune vms",
       apply(Kind::kVm, Owner::TERRAFORM, "ci",
             [](ApplyRequest& request) {
               request.mutable_prune();
               request.mutable_scope()->add_kinds("vm");
             }),
       "ae"},

      {"apply as the own source", apply(Kind::kVm, Owner::GIT, "fleet"), "ar"},
      {"apply as another source", apply(Kind::kVm, Owner::GIT, "other"), "a"},
      {"apply as a source that is not there", apply(Kind::kVm, Owner::GIT, "none"), "a"},
      {"apply a kind that the source does not list", apply(Kind::kCluster, Owner::GIT, "fleet"),
       "a"},
      {"apply into a namespace that the source does not list",
       [](Resources& r, const CallContext& c) {
         Resource vm = Named(Kind::kVm, "x");
         vm.mutable_metadata()->set_namespace_("payroll");
         return Apply(r, c, vm, Owner::GIT, "fleet");
       },
       "a"},
      {"apply a source by git", apply(Kind::kGitSource, Owner::GIT, "fleet"), "a"},
      {"suspend the own source", hold("suspend", "git_source", "fleet"), "ar"},
      {"confirm a plan of the own source", hold("confirm", "git_source", "fleet"), "ar"},
      {"resume the own source", hold("suspend", "git_source", "fleet", /*clear=*/true), "ar"},
      {"hold the own source in another way", hold("drain", "git_source", "fleet"), "a"},
      {"suspend another source", hold("suspend", "git_source", "other"), "a"},
      {"suspend all sources", hold("suspend", "cluster", "default"), "a"},
      {"override by git",
       apply(Kind::kVm, Owner::GIT, "fleet",
             [](ApplyRequest& request) { request.mutable_override()->set_reason("r"); }),
       "a"},
      {"transfer by git",
       apply(Kind::kVm, Owner::GIT, "fleet",
             [](ApplyRequest& request) { request.set_transfer(true); }),
       "ar"},
      {"transfer by git and prune",
       apply(Kind::kVm, Owner::GIT, "fleet",
             [](ApplyRequest& request) {
               request.set_transfer(true);
               request.mutable_prune();
             }),
       "a"},
      {"transfer by git of a kind that the source does not list",
       apply(Kind::kHost, Owner::GIT, "fleet",
             [](ApplyRequest& request) { request.set_transfer(true); }),
       "a"},
      {"transfer by git into a namespace that the source does not list",
       apply(Kind::kVm, Owner::GIT, "fleet",
             [](ApplyRequest& request) {
               request.set_transfer(true);
               request.mutable_objects(0)->mutable_resource()->mutable_metadata()->set_namespace_(
                   "payroll");
             }),
       "a"},

      {"delete a vm by cli", remove("vm", Owner::CLI, false), "ae"},
      {"plan to delete a vm", remove("vm", Owner::CLI, true), "aevr"},
      {"delete a host", remove("host", Owner::CLI, false), "a"},

      {"report about the own host", report(Named(Kind::kHost, "mac-01"), StatusWrite::OBSERVED),
       "ag"},
      {"report about another host", report(Named(Kind::kHost, "mac-02"), StatusWrite::OBSERVED),
       "a"},
      {"report about a vm here", report(VmOn("here", "mac-01"), StatusWrite::OBSERVED), "ag"},
      {"report about a vm elsewhere", report(VmOn("there", "mac-01"), StatusWrite::OBSERVED), "a"},
      {"report about an image", report(Named(Kind::kImage, "x"), StatusWrite::OBSERVED), "a"},
      {"place a vm", report(VmOn("here", "mac-01"), StatusWrite::CONTROLLER), ""},
      {"finalize a vm", report(VmOn("here", "mac-01"), StatusWrite::FINALIZE), ""},
      {"write the own source's status",
       report(Named(Kind::kGitSource, "fleet"), StatusWrite::CONTROLLER), "ar"},
      {"write another source's status",
       report(Named(Kind::kGitSource, "other"), StatusWrite::CONTROLLER), "a"},
      {"finalize a source", report(Named(Kind::kGitSource, "fleet"), StatusWrite::FINALIZE), ""},
  };
}

class AuthorizeTest : public testing::Test {
 protected:
  void Fill(PermissiveResources& inner) {
    inner.Put(Named(Kind::kHost, "mac-01"));
    inner.Put(Named(Kind::kHost, "mac-02"));
    inner.Put(VmOn("here", "mac-01"));
    inner.Put(VmOn("there", "mac-02"));
    for (const char* name : {"fleet", "other"}) {
      Resource source = Named(Kind::kGitSource, name);
      v1::GitSourceSpec& spec = *source.mutable_git_source()->mutable_spec();
      spec.add_namespaces("default");
      for (const char* kind : {"vm", "image", "git_source"}) spec.add_kinds(kind);
      inner.Put(source);
    }
  }
};

TEST_F(AuthorizeTest, EveryRoleMayWhatTheTableSaysAndNothingElse) {
  const std::map<char, Role> roles = {{'a', Role::kAdmin},
                                      {'e', Role::kEditor},
                                      {'v', Role::kViewer},
                                      {'g', Role::kAgent},
                                      {'r', Role::kReconciler}};
  for (const Row& row : Table()) {
    for (const auto& [letter, role] : roles) {
      SCOPED_TRACE(absl::StrCat(row.what, " as ", std::string(1, letter)));
      PermissiveResources inner;
      Fill(inner);
      AuthorizedResources resources(inner, nullptr);
      const absl::Status status = row.call(resources, As(role));
      if (row.who.find(letter) != std::string::npos) {
        EXPECT_TRUE(status.ok()) << status;
      } else {
        EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied) << status;
        EXPECT_EQ(inner.calls(), 0) << "the refused call went through";
      }
    }
  }
}

TEST_F(AuthorizeTest, TheEngineItselfMayEverything) {
  for (const Row& row : Table()) {
    PermissiveResources inner;
    Fill(inner);
    AuthorizedResources resources(inner, nullptr);
    EXPECT_TRUE(row.call(resources, As(Role::kController)).ok()) << row.what;
  }
}

TEST_F(AuthorizeTest, AnAgentLearnsWhereAVmHasGoneAndNothingMore) {
  PermissiveResources inner;
  Fill(inner);
  AuthorizedResources resources(inner, nullptr);
  const auto there = resources.Get(As(Role::kAgent), {Kind::kVm, "default", "there"});
  ASSERT_TRUE(there.ok()) << there.status();
  EXPECT_EQ(there->metadata().uid(), "uid-there");
  EXPECT_EQ(there->vm().status().placement().host(), "mac-02");
  EXPECT_FALSE(there->vm().has_spec());
  const auto here = resources.Get(As(Role::kAgent), {Kind::kVm, "default", "here"});
  ASSERT_TRUE(here.ok()) << here.status();
  EXPECT_EQ(here->vm().spec().image(), "secret-plans");
}

TEST_F(AuthorizeTest, OneRefusedReportDoesNotStopTheOthers) {
  PermissiveResources inner;
  Fill(inner);
  AuthorizedResources resources(inner, nullptr);
  std::vector<StatusWrite> writes(3);
  for (StatusWrite& write : writes) write.set_writer(StatusWrite::OBSERVED);
  *writes[0].mutable_resource() = Named(Kind::kHost, "mac-02");
  *writes[1].mutable_resource() = Named(Kind::kHost, "mac-01");
  const auto results = resources.UpdateStatus(As(Role::kAgent), writes);
  ASSERT_EQ(results.size(), 3u);
  EXPECT_TRUE(absl::IsPermissionDenied(results[0].status()));
  EXPECT_TRUE(results[1].ok());
  EXPECT_TRUE(absl::IsInvalidArgument(results[2].status())) << "no kind";
}

TEST_F(AuthorizeTest, AReconcilerSettlesWhatADeletedSourceLeftAndNothingMore) {
  PermissiveResources inner;  // has no git_source
  AuthorizedResources resources(inner, nullptr);
  ApplyRequest farewell;
  farewell.mutable_owner()->set_manager(Owner::GIT);
  farewell.mutable_owner()->set_instance("fleet");
  *farewell.add_release() = ToProto({Kind::kVm, "default", "a"});
  const auto apply = [&](const ApplyRequest& request, Role role = Role::kReconciler) {
    return resources.Apply(As(role), request).status();
  };
  EXPECT_TRUE(apply(farewell).ok());
  EXPECT_TRUE(absl::IsPermissionDenied(apply(farewell, Role::kEditor)));
  ApplyRequest other = farewell;
  other.mutable_owner()->set_instance("other");
  EXPECT_TRUE(absl::IsPermissionDenied(apply(other)));
  ApplyRequest objects = farewell;
  *objects.add_objects()->mutable_resource() = Named(Kind::kVm, "b");
  EXPECT_TRUE(absl::IsPermissionDenied(apply(objects)));
  ApplyRequest holds = farewell;
  *holds.add_holds()->mutable_ref() = ToProto({Kind::kVm, "default", "a"});
  EXPECT_TRUE(absl::IsPermissionDenied(apply(holds)));
}

// What a source may declare anywhere it may not for that reason take from anybody.
TEST_F(AuthorizeTest, AReconcilerTakesOverOnlyWithinWhatItsSourceLists) {
  const auto transfer = [](Kind kind, const std::string& namespaces, const std::string& kinds) {
    PermissiveResources inner;
    Resource source = Named(Kind::kGitSource, "fleet");
    v1::GitSourceSpec& spec = *source.mutable_git_source()->mutable_spec();
    if (!namespaces.empty()) spec.add_namespaces(namespaces);
    if (!kinds.empty()) spec.add_kinds(kinds);
    inner.Put(source);
    AuthorizedResources resources(inner, nullptr);
    return Apply(resources, As(Role::kReconciler), Named(kind, "x"), Owner::GIT, "fleet",
                 [](ApplyRequest& request) { request.set_transfer(true); });
  };
  EXPECT_EQ(transfer(Kind::kVm, "", "vm").message(),
            "someone may not take over what another owns: its git_source lists no namespaces, and "
            "vm x has to be within what it lists");
  EXPECT_TRUE(transfer(Kind::kVm, "default", "").ok());
  EXPECT_TRUE(absl::IsPermissionDenied(transfer(Kind::kImage, "default", "")));
  EXPECT_TRUE(transfer(Kind::kImage, "", "image").ok());
}

TEST_F(AuthorizeTest, ARefusalSaysWhatIsMissing) {
  PermissiveResources inner;
  AuthorizedResources resources(inner, nullptr);
  EXPECT_EQ(Apply(resources, As(Role::kEditor), Named(Kind::kHost, "x"), Owner::CLI).message(),
            "someone may not write host: role admin is missing");
}

}  // namespace
}  // namespace espalier
