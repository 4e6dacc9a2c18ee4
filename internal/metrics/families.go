package metrics

import "github.com/prometheus/client_golang/prometheus"

// families are the metrics of a Fleet.
type families struct {
	active *gauge

	accounts, arr, churned, overridden, partial *gauge
	measureValues, bandMin                      *gauge
	scorePoints, coverage                       *prometheus.Desc

	sources, suspendedSources, rejectedValues *gauge
	downNotifiers, waitingEvents              *gauge
	stalled, notReady                         *gauge
	runs, heldRuns, tasks, overdue            *gauge
	pendingChanges                            *gauge

	// Of each account and source, if asked for.
	accountScore, accountCoverage                 *gauge
	sourceAvailable, sourceLastRead, sourceValues *gauge
}

func newFamilies() families {
	return families{
		active: newGauge("perennial_active", "Whether this replica is the active one (1), or waits to be (0). Only the active one says anything about accounts, sources and work."),

		accounts:      newGauge("perennial_accounts", "Accounts that have not churned, by the model that their health is from and band. Those that no model scores have an empty model.", "namespace", "model", "band"),
		arr:           newGauge("perennial_arr", "Annual recurring revenue of these accounts, in the installation's currency.", "namespace", "model", "band"),
		churned:       newGauge("perennial_accounts_churned", "Accounts that have churned. They are counted nowhere else.", "namespace"),
		overridden:    newGauge("perennial_accounts_overridden", "Accounts whose band a person has set.", "namespace", "model"),
		partial:       newGauge("perennial_accounts_score_partial", "Accounts with weight out of their score, because a source cannot be read. Their band stands meanwhile.", "namespace", "model"),
		measureValues: newGauge("perennial_measure_values", "Values of measures, one for each account and measure of its model, by state: Fresh, Stale, Missing or Errored.", "namespace", "model", "state"),
		bandMin:       newGauge("perennial_band_min_points", "Lowest score of each band of a model. The lowest band has 0.", "namespace", "model", "band"),
		scorePoints: prometheus.NewDesc("perennial_score_points",
			"Scores of accounts as they are now: a distribution, not a count of events, so its buckets can shrink.", []string{"namespace", "model"}, nil),
		coverage: prometheus.NewDesc("perennial_score_coverage_ratio",
			"Shares of the model's weight that have a value, of the accounts that it scores as they are now: a distribution, not a count of events.", []string{"namespace", "model"}, nil),

		sources:          newGauge("perennial_sources", "DataSources that are not suspended, by provider and whether their latest read succeeded: True, False or Unknown.", "namespace", "provider", "available"),
		suspendedSources: newGauge("perennial_sources_suspended", "DataSources that are suspended.", "namespace", "provider"),
		rejectedValues:   newGauge("perennial_source_rejected_values", "Values of the last accepted reads that are not of their metric's type.", "namespace", "provider"),

		downNotifiers: newGauge("perennial_notifiers_unavailable", "Notifiers whose latest delivery failed.", "namespace"),
		waitingEvents: newGauge("perennial_notifier_waiting_events", "Events that notifiers have yet to take, as of a minute ago at the most.", "namespace"),

		stalled:  newGauge("perennial_objects_stalled", "Declared objects that only a change of themselves can help, by kind.", "namespace", "kind"),
		notReady: newGauge("perennial_objects_not_ready", "Declared objects that are not Ready, by kind; those that are stalled are among them.", "namespace", "kind"),

		runs:     newGauge("perennial_playbook_runs", "PlaybookRuns that there are, by state. Those that ended are deleted some time.", "namespace", "state"),
		heldRuns: newGauge("perennial_playbook_held_runs", "Runs that are due and held back, by reason: LimitReached, Inhibited, Suspended, AccountsNotEvaluated or ConfigurationChanging.", "namespace", "reason"),
		tasks:    newGauge("perennial_tasks", "Tasks that there are, by state. Those that ended are deleted some time.", "namespace", "state"),
		overdue:  newGauge("perennial_tasks_overdue", "Open tasks that are past their due time.", "namespace"),

		pendingChanges: newGauge("perennial_accountset_pending_changes", "Accounts that AccountSets would make or prune and that wait for approval.", "namespace"),

		accountScore:    newGauge("perennial_account_score", "Score of each account, 0 to 100; none while it is not known.", "namespace", "account", "model"),
		accountCoverage: newGauge("perennial_account_coverage_ratio", "Share of the model's weight that has a value, of each account.", "namespace", "account", "model"),
		sourceAvailable: newGauge("perennial_source_available", "Whether the latest read of each DataSource succeeded; none while it is suspended or was never read.", "namespace", "source"),
		sourceLastRead:  newGauge("perennial_source_last_read_timestamp_seconds", "When each DataSource was last read with success; of a ConfigMap, when what is in it now first was.", "namespace", "source"),
		sourceValues:    newGauge("perennial_source_rows", "Rows in the last accepted read of each DataSource.", "namespace", "source"),
	}
}

// all returns the descriptions of the metrics, with or without those of single objects.
func (f *families) all(objectNames bool) []*prometheus.Desc {
	gauges := []*gauge{
		f.active, f.accounts, f.arr, f.churned, f.overridden, f.partial, f.measureValues, f.bandMin,
		f.sources, f.suspendedSources, f.rejectedValues, f.downNotifiers, f.waitingEvents, f.stalled, f.notReady,
		f.runs, f.heldRuns, f.tasks, f.overdue, f.pendingChanges,
	}
	if objectNames {
		gauges = append(gauges, f.accountScore, f.accountCoverage, f.sourceAvailable, f.sourceLastRead, f.sourceValues)
	}
	descs := []*prometheus.Desc{f.scorePoints, f.coverage}
	for _, g := range gauges {
		descs = append(descs, g.Desc)
	}
	return descs
}
