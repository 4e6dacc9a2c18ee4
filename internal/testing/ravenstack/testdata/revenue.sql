-- Monthly revenue on 2024-12-31 against 30 days before. A trial brings none.
with running as (
  select account_id, mrr_amount, is_trial, auto_renew,
    start_date <= '2024-12-01' and (end_date is null or end_date > '2024-12-01') as ran_before,
    start_date <= '2024-12-31' and (end_date is null or end_date > '2024-12-31') as runs_now
  from subscriptions
), totals as (
  select account_id,
    sum(case when runs_now then mrr_amount else 0 end) as mrr,
    sum(case when ran_before then mrr_amount else 0 end) as mrr_before,
    sum(case when runs_now then 1 else 0 end) as subscriptions,
    sum(case when runs_now and is_trial then 1 else 0 end) as trials,
    sum(case when runs_now and auto_renew then 1 else 0 end) as renewing
  from running
  group by account_id
)
select account_id, mrr, subscriptions, trials,
  round(100.0 * (mrr - mrr_before) / nullif(mrr_before, 0), 2) as mrr_change,
  case when renewing = subscriptions then 'All' when 2 * renewing >= subscriptions then 'Most' else 'Few' end as auto_renew
from totals
