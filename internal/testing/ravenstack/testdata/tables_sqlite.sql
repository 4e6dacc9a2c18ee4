-- The warehouse's tables from the raw ones, which hold the files' text. SQLite has no dates: days are text that sorts.
create table accounts as
select account_id, account_name, industry, country,
  substr(signup_date, 7, 4) || '-' || substr(signup_date, 4, 2) || '-' || substr(signup_date, 1, 2) as signup_date
from raw_accounts;

create table subscriptions as
select subscription_id, account_id, plan_tier,
  substr(start_date, 7, 4) || '-' || substr(start_date, 4, 2) || '-' || substr(start_date, 1, 2) as start_date,
  case when end_date <> '' then
    substr(end_date, 7, 4) || '-' || substr(end_date, 4, 2) || '-' || substr(end_date, 1, 2)
  end as end_date,
  cast(seats as integer) as seats,
  cast(mrr_amount as integer) as mrr_amount,
  cast(arr_amount as integer) as arr_amount,
  is_trial = 'TRUE' as is_trial,
  auto_renew_flag = 'TRUE' as auto_renew
from raw_subscriptions;

create table feature_usage as
select subscription_id, feature_name,
  substr(usage_date, 7, 4) || '-' || substr(usage_date, 4, 2) || '-' || substr(usage_date, 1, 2) as usage_date,
  cast(usage_count as integer) as usage_count,
  cast(error_count as integer) as error_count
from raw_feature_usage;

create table tickets as
select ticket_id, account_id,
  substr(submitted_at, 7, 4) || '-' || substr(submitted_at, 4, 2) || '-' || substr(submitted_at, 1, 2) as submitted_at,
  substr(closed_at, 7, 4) || '-' || substr(closed_at, 4, 2) || '-' || substr(closed_at, 1, 2) || substr(closed_at, 11) || ':00' as closed_at,
  cast(nullif(satisfaction_score, '') as integer) as satisfaction_score,
  escalation_flag = 'TRUE' as escalated
from raw_supports_ticket;
