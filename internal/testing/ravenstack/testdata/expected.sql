-- What the operator must find, computed by other means: every account's contract, score and band, and which playbooks
-- must have an open run. The names in braces stand for the sources' queries. All arithmetic is in whole numbers: values in
-- millionths, scores in thousandths of a point.
with crm as ({{crm}}), product as ({{product}}), helpdesk as ({{helpdesk}}), revenue as ({{revenue}}),
contracts as (
  select account_id, lower(replace(account_name, '_', '-')) as name, signup_date,
    sum(arr_amount) as arr, sum(seats) as seats, cast(min(start_date) as text) as started
  from crm
  group by account_id, account_name, signup_date
),
-- A value that is not usable is null: missing, or of the product older than 45 days at 9 o'clock on 2024-12-31.
facts as (
  select c.account_id, c.name, c.arr, c.seats, c.started,
    case when c.signup_date > '2024-11-01' then 'Onboarding' else 'Adoption' end as stage,
    case when c.arr >= 300000 then 'HighTouch' when c.arr >= 120000 then 'MidTouch' else 'TechTouch' end as touch,
    case when p.account_id is null then 0 when p.last_used >= '2024-11-17' then p.usage_30d end as usage_30d,
    case when p.last_used >= '2024-11-17' then p.usage_change end as usage_change,
    case when p.last_used >= '2024-11-17' then p.error_rate end as error_rate,
    coalesce(h.tickets_90d, 0) as tickets_90d,
    coalesce(h.open_tickets, 0) as open_tickets,
    coalesce(h.escalated_90d, 0) as escalated_90d,
    h.satisfaction, r.mrr_change, r.auto_renew, r.trials, r.subscriptions
  from contracts c
  left join product p on p.account_id = c.account_id
  left join helpdesk h on h.account_id = c.account_id
  left join revenue r on r.account_id = c.account_id
),
-- The measures on a straight line; stand_in is the score of a value that is not usable, null where it does not count.
lines as (
  select account_id, 'usage' as dimension, 30 as weight, usage_30d as number, 0 as worst, 50 as best, 0 as stand_in from facts
  union all select account_id, 'usage', 30, error_rate, 15, 0, 50000 from facts
  union all select account_id, 'support', 25, tickets_90d, 4, 0, null from facts
  union all select account_id, 'support', 40, satisfaction, 3, 5, null from facts
  union all select account_id, 'revenue', 60, mrr_change, -20, 20, 50000 from facts
),
millionths as (
  select account_id, dimension, weight, stand_in, cast(round(number * 1000000) as bigint) as number,
    cast(worst as bigint) * 1000000 as worst, cast(best as bigint) * 1000000 as best
  from lines
),
points as (
  select account_id, dimension, weight, stand_in,
    case when number is null then null
      when (number - worst) * (case when best > worst then 1 else -1 end) <= 0 then 0
      when abs(number - worst) >= abs(best - worst) then 100000
      else (2 * abs(number - worst) * 100000 + abs(best - worst)) / (2 * abs(best - worst))
    end as points
  from millionths
  union all
  select account_id, 'usage', 40, null,
    case when usage_change is null then null when usage_change >= 25 then 100000 when usage_change >= -10 then 80000
      when usage_change >= -50 then 40000 else 0 end
  from facts
  union all select account_id, 'support', 15, null, case when open_tickets >= 1 then 20000 else 100000 end from facts
  union all select account_id, 'support', 20, null, case when escalated_90d >= 1 then 0 else 100000 end from facts
  union all select account_id, 'revenue', 40, 0, case auto_renew when 'All' then 100000 when 'Most' then 60000 end from facts
),
-- Of each dimension: the weight of the measures that count, and the sum of weight times score of these.
sums as (
  select account_id,
    sum(case when dimension = 'usage' and coalesce(points, stand_in) is not null then weight else 0 end) as usage_weight,
    sum(case when dimension = 'usage' then weight * coalesce(points, stand_in, 0) else 0 end) as usage_sum,
    sum(case when dimension = 'support' and coalesce(points, stand_in) is not null then weight else 0 end) as support_weight,
    sum(case when dimension = 'support' then weight * coalesce(points, stand_in, 0) else 0 end) as support_sum,
    sum(case when dimension = 'revenue' and coalesce(points, stand_in) is not null then weight else 0 end) as revenue_weight,
    sum(case when dimension = 'revenue' then weight * coalesce(points, stand_in, 0) else 0 end) as revenue_sum,
    sum(case when points is null then 0 when dimension = 'usage' then 50 * weight when dimension = 'support' then 30 * weight
      else 20 * weight end) as covered
  from points
  group by account_id
),
-- The mean of the dimensions with a common denominator. Every dimension has a measure that always counts.
means as (
  select account_id, covered,
    cast(50 * usage_sum * support_weight * revenue_weight + 30 * support_sum * usage_weight * revenue_weight
      + 20 * revenue_sum * usage_weight * support_weight as bigint) as numerator,
    cast(100 * usage_weight * support_weight * revenue_weight as bigint) as denominator
  from sums
),
-- Rounded once, half away from zero; then the model's rules in their order.
rounded as (
  select f.*, m.covered, (2 * m.numerator + 1000 * m.denominator) / (2000 * m.denominator) as score
  from facts f join means m on m.account_id = f.account_id
),
escalated as (
  select r.*, case when escalated_90d > 0 and score > 60 then 60 else score end as score_1 from rounded r
),
waiting as (
  select e.*, case when open_tickets > 0 and arr > 100000 then 30 else score_1 end as score_2 from escalated e
),
on_trial as (
  select w.*, case when trials * 4 >= subscriptions and score_2 > 69 then 69 else score_2 end as score_3 from waiting w
),
growing as (
  select t.*, case when auto_renew = 'All' and mrr_change >= 10 and score_3 < 55 then 55 else score_3 end as score_4 from on_trial t
),
banded as (
  select g.*,
    case when covered < 7000 then null else score_4 end as final,
    case when covered < 7000 then 'Unknown' when score_4 >= 65 then 'Healthy' when score_4 >= 45 then 'AtRisk' else 'Critical' end as band,
    case when substr(started, 6) = '12-31' then '2024-12-31' when substr(started, 6) = '02-29' then '2025-02-28'
      else '2025-' || substr(started, 6) end as renews
  from growing g
)
select account_id, name, cast(arr as bigint) as arr, cast(seats as bigint) as seats, started, renews, touch, stage,
  cast(final as bigint) as score, band, cast(covered / 100 as bigint) as coverage,
  case when usage_change <= -50 then 1 else 0 end as quiet,
  case when band = 'Critical' and touch <> 'TechTouch' then 1 else 0 end as rescue,
  case when renews <= '2025-02-14' and stage = 'Adoption' then 1 else 0 end as renewal
from banded
order by account_id
