// What each role may do, as rules over callers and requests. Whatever no rule allows is refused,
// and the refusal names what is missing. Pure.
//
//   admin       everything but speaking as the engine's own controllers
//   editor      reads; writes what lives in namespaces, and Images, as cli, api or terraform
//   viewer      reads, and plans without applying
//   agent       its own Host and the Vms there, Images and credentials with their secrets; reports
//               about them only
//   reconciler  reads, and is told the secrets of its own source; writes as git for that source,
//               within what the GitSource allows, taking over from others only within what it lists
//               by name; of that GitSource the status, and the holds that suspend it or confirm one
//               plan
#pragma once

#include <string>

#include "absl/status/status.h"
#include "engine/api/resources.h"
#include "engine/base/call_context.h"
#include "espalier/v1/git_source.pb.h"

namespace espalier::access {

absl::Status MayQuery(const Caller& caller, const Query& query);
absl::Status MayDrift(const Caller& caller);
absl::Status MayReadAudit(const Caller& caller);
// Whether the caller may know of tokens: of their ids, roles and holders.
bool SeesTokens(const Caller& caller);

// `source`: the spec of the GitSource that a reconciler speaks for; null if there is none, and for
// other callers.
absl::Status MayApply(const Caller& caller, const ApplyRequest& request,
                      const v1::GitSourceSpec* source);
absl::Status MayDelete(const Caller& caller, const DeleteRequest& request,
                       const v1::GitSourceSpec* source);
// `stored`: the object as it is; null if there is none.
absl::Status MayWriteStatus(const Caller& caller, const StatusWrite& write, const Resource* stored);

// Whether the caller is told secrets at all, and those of this object. People never are: a secret
// is told to the process that uses it.
absl::Status MayAskForSecrets(const Caller& caller);
absl::Status MayReveal(const Caller& caller, const Ref& ref);

// What the caller may see of an object that it asked for by name: all, or of another host's Vm only
// where it runs, so that an agent learns that a Vm has moved on. PERMISSION_DENIED for the rest.
absl::StatusOr<Resource> Visible(const Caller& caller, Resource resource);

}  // namespace espalier::access
