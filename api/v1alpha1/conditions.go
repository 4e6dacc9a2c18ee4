package v1alpha1

// Condition types. Ready means that the object was evaluated, never that the customer is well. Reconciling and Stalled
// are present only while True, as kstatus reads them.
const (
	// ConditionReady is on every declared kind.
	ConditionReady = "Ready"
	// ConditionReconciling means that the operator is waiting for something that may still come.
	ConditionReconciling = "Reconciling"
	// ConditionStalled means that only a change of this object can help.
	ConditionStalled = "Stalled"
	// ConditionAvailable, on a DataSource, says whether its latest read succeeded.
	ConditionAvailable = "Available"
	// ConditionWarnings, on a DataSource, is True while a read that was accepted has values that cannot be read, or the
	// source itself warns that it may not be all.
	ConditionWarnings = "Warnings"
	// ConditionModelApplied, on an Account, is False while no model scores it.
	ConditionModelApplied = "ModelApplied"
	// ConditionSharedExternalID, on an Account, is True while another account claims one of its external ids.
	ConditionSharedExternalID = "SharedExternalID"
	// ConditionScorePartial, on an Account, is True while weight is out of its score because a source cannot be read: the
	// band stands meanwhile.
	ConditionScorePartial = "ScorePartial"
	// ConditionHealthOverridden, on an Account with a healthOverride, is True while that sets its band.
	ConditionHealthOverridden = "HealthOverridden"
	// ConditionParentResolved, on an Account with a parentRef, is False while that leads nowhere, or in a circle.
	ConditionParentResolved = "ParentResolved"
	// ConditionPlaybookLimitExceeded, on an Account, is True while more playbooks select it than its status can remember; on a
	// Playbook, while there are accounts that have no room for it.
	ConditionPlaybookLimitExceeded = "PlaybookLimitExceeded"
	// ConditionHeld, on a Playbook, is True while a limit, another playbook or suspend holds runs back, or for long nothing could start; on an AccountSet, while changes wait for approval.
	ConditionHeld = "Held"
	// ConditionResolved, on a PlaybookRun, is True once the condition that started it has cleared.
	ConditionResolved = "Resolved"
	// ConditionTextRendered, on a PlaybookRun, is False while an expression in a step's text could not be evaluated; on a Task,
	// while the assignee of a stage of its escalation could not.
	ConditionTextRendered = "TextRendered"
	// ConditionDatesKnown, on a PlaybookRun, is False while a step counts from a date that the account's contract does not have.
	ConditionDatesKnown = "DatesKnown"
	// ConditionUnassigned, on a Task, is True while nobody is to do it.
	ConditionUnassigned = "Unassigned"
	// ConditionOverdue, on a Task, is True while an open task is past its due time.
	ConditionOverdue = "Overdue"
	// ConditionNoLongerNeeded, on a Task, is True when the condition that asked for it has cleared, or its run was canceled.
	ConditionNoLongerNeeded = "NoLongerNeeded"
)

// Condition reasons.
const (
	ReasonReady                 = "Ready"
	ReasonEvaluated             = "Evaluated"
	ReasonSuspended             = "Suspended"
	ReasonPreviousNameInUse     = "PreviousNameInUse"
	ReasonInvalidSpec           = "InvalidSpec"
	ReasonReferenceNotFound     = "ReferenceNotFound"
	ReasonTypeMismatch          = "TypeMismatch"
	ReasonFirstRead             = "FirstRead"
	ReasonReadSucceeded         = "ReadSucceeded"
	ReasonReadFailed            = "ReadFailed"
	ReasonRowsDropped           = "RowsDropped"
	ReasonRateLimited           = "RateLimited"
	ReasonAddressNotAllowed     = "AddressNotAllowed"
	ReasonSourceWarns           = "SourceWarns"
	ReasonValuesRejected        = "ValuesRejected"
	ReasonSecretNotAllowed      = "SecretNotAllowed"
	ReasonSecretNotFound        = "SecretNotFound"
	ReasonNoModel               = "NoModel"
	ReasonModelStalled          = "ModelStalled"
	ReasonModelApplied          = "ModelApplied"
	ReasonChurned               = "Churned"
	ReasonSharedExternalID      = "SharedExternalID"
	ReasonValuesTooOld          = "ValuesTooOld"
	ReasonOverridden            = "Overridden"
	ReasonExpired               = "Expired"
	ReasonUnknownBand           = "UnknownBand"
	ReasonParentFound           = "ParentFound"
	ReasonParentNotFound        = "ParentNotFound"
	ReasonParentCycle           = "ParentCycle"
	ReasonTooManyPlaybooks      = "TooManyPlaybooks"
	ReasonLimitReached          = "LimitReached"
	ReasonInhibited             = "Inhibited"
	ReasonAccountsNotEvaluated  = "AccountsNotEvaluated"
	ReasonConfigurationChanging = "ConfigurationChanging"
	ReasonRunCanceled           = "RunCanceled"
	ReasonEventHappened         = "EventHappened"
	ReasonWorkCompleted         = "WorkCompleted"
	ReasonNoAssignee            = "NoAssignee"
	ReasonDateNotKnown          = "DateNotKnown"
	ReasonDelivered             = "Delivered"
	ReasonDeliveryFailed        = "DeliveryFailed"
	ReasonEventsDropped         = "EventsDropped"
	ReasonApprovalNeeded        = "ApprovalNeeded"
	ReasonSourceUnavailable     = "SourceUnavailable"
	ReasonConditionCleared      = "ConditionCleared"
	ReasonConditionHolds        = "ConditionHolds"
	ReasonPastDue               = "PastDue"
	ReasonExpressionFailed      = "ExpressionFailed"
	ReasonDependencyUnavailable = "DependencyUnavailable"
)

// Labels and annotations that the operator reads or writes.
const (
	// LabelAccount, on runs and tasks, is the account's name.
	LabelAccount = "perennial.dev/account"
	// LabelPlaybook, on runs and tasks, is the playbook's name.
	LabelPlaybook = "perennial.dev/playbook"
	// LabelRun, on tasks, is the run's name.
	LabelRun = "perennial.dev/run"
	// LabelAccountSet, on accounts, is the AccountSet that keeps them.
	LabelAccountSet = "perennial.dev/accountset"
	// LabelManagedBy is the recommended Kubernetes label; the value is ManagedBy.
	LabelManagedBy = "app.kubernetes.io/managed-by"
	// ManagedBy is the value of LabelManagedBy on everything that the operator creates.
	ManagedBy = "perennial"
	// FieldManagerPerson owns the fields that people write with the command line. Flux and Argo CD leave them alone.
	FieldManagerPerson = "perennial-person"

	// AnnotationSourceKey, on an Account, is the key of the source's row that it was made from.
	AnnotationSourceKey = "perennial.dev/source-key"
	// AnnotationSource, on an Account, is the DataSource whose row it was made from.
	AnnotationSource = "perennial.dev/source"
	// AnnotationAbsentSince, on an Account, is when its row was first gone from a complete read (RFC 3339).
	AnnotationAbsentSince = "perennial.dev/absent-since"
	// AnnotationChurnedBy, on an Account, names the AccountSet that marked it churned; it counts as stage Churned.
	AnnotationChurnedBy = "perennial.dev/churned-by"
	// AnnotationApprove, on an object with a guard, holds the id of the one change that may pass.
	AnnotationApprove = "perennial.dev/approve"
	// AnnotationRequestedAt, on a declared object, asks for a reconcile now; status repeats the last value handled.
	AnnotationRequestedAt = "perennial.dev/requestedAt"
	// AnnotationAllowDataSource, on a Secret, lists the DataSources that may use it, separated by commas, or *.
	AnnotationAllowDataSource = "perennial.dev/allow-datasource"
	// AnnotationAllowHost, on a Secret, lists the hosts that it may be sent to, separated by commas: api.example.com, or
	// api.example.com:8443 where the port is not that of the scheme; *.example.com for every host below one.
	AnnotationAllowHost = "perennial.dev/allow-host"

	// FinalizerAccountSet delays the deletion of an AccountSet with deletionPolicy Delete until its accounts are gone.
	FinalizerAccountSet = "perennial.dev/accountset"
)
