/** The names of condition types and reasons. Reasons are part of the interface: people and scripts wait for them. */

export const conditionTypes = [
  "Ready", "Available", "DurabilityMet", "FailoverPossible", "NetworksAttached", "ReplicationPathVerified",
  "ConfigApplied", "SingleSystem", "Reconciling", "Stalled",
] as const;
export type ConditionType = (typeof conditionTypes)[number];

export const reason = {
  // when all is as it should be
  AllMembersReady: "AllMembersReady", PrimaryAccepts: "PrimaryAccepts", EnoughSync: "EnoughSync", AsyncByChoice: "AsyncByChoice",
  AllVerified: "AllVerified", NoneWanted: "NoneWanted", PathVerified: "PathVerified", NotRequired: "NotRequired", AllEqual: "AllEqual",
  CandidateReady: "CandidateReady", OneSystem: "OneSystem", AtGoal: "AtGoal", Progressing: "Progressing", Hibernated: "Hibernated",
  // why not
  NoPrimary: "NoPrimary", FailoverInProgress: "FailoverInProgress", FailoverProposed: "FailoverProposed", PrimarySilent: "PrimarySilent",
  NoCandidate: "NoCandidate", LagExceeded: "LagExceeded", Disabled: "Disabled", Fenced: "Fenced", WriteProbeFailed: "WriteProbeFailed",
  InsufficientSync: "InsufficientSync", DegradedToPreferred: "DegradedToPreferred",
  AddressConflict: "AddressConflict", SubnetOverlap: "SubnetOverlap", ParentMissing: "ParentMissing", NameMismatch: "NameMismatch",
  NetworkMissing: "NetworkMissing", DriverUnsupported: "DriverUnsupported", DriftRepairing: "DriftRepairing",
  WrongInterface: "WrongInterface", NotObserved: "NotObserved",
  PendingRestart: "PendingRestart", InvalidParameter: "InvalidParameter",
  ForkDetected: "ForkDetected", ForeignData: "ForeignData", NameTaken: "NameTaken", DataLost: "DataLost",
  MembersPending: "MembersPending", Paused: "Paused", Deleting: "Deleting",
  StepDeadlineExceeded: "StepDeadlineExceeded", StepFailed: "StepFailed", ImageUnavailable: "ImageUnavailable", SpecInvalid: "SpecInvalid",
  EngineUnreachable: "EngineUnreachable", CredentialsMissing: "CredentialsMissing", DiskFull: "DiskFull",
} as const;
export type Reason = keyof typeof reason;
