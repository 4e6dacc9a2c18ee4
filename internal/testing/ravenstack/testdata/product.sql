-- Usage in the 90 days up to 2024-12-31, and the last 30 of them against the 30 before. An account that did not use the
-- product in that time has no row.
with used as (
  select s.account_id, u.usage_date, u.usage_count, u.error_count, u.feature_name
  from feature_usage u
  join subscriptions s on s.subscription_id = u.subscription_id
  where u.usage_date > '2024-10-02' and u.usage_date <= '2024-12-31'
), totals as (
  select account_id, max(usage_date) as last_used, count(distinct feature_name) as features,
    sum(usage_count) as uses, sum(error_count) as errors,
    sum(case when usage_date > '2024-12-01' then usage_count else 0 end) as last_30,
    sum(case when usage_date > '2024-11-01' and usage_date <= '2024-12-01' then usage_count else 0 end) as before_30
  from used
  group by account_id
)
select account_id, last_used,
  last_30 as usage_30d,
  round(100.0 * (last_30 - before_30) / nullif(before_30, 0), 2) as usage_change,
  round(100.0 * errors / nullif(uses, 0), 2) as error_rate,
  features as features_90d
from totals
