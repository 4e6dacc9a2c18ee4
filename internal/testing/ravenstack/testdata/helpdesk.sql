-- Tickets of the 180 days up to 2024-12-31. An account without one has no row.
select account_id,
  sum(case when closed_at > '2024-12-31 09:00:00' then 1 else 0 end) as open_tickets,
  sum(case when submitted_at > '2024-10-02' then 1 else 0 end) as tickets_90d,
  sum(case when submitted_at > '2024-10-02' and escalated then 1 else 0 end) as escalated_90d,
  round(avg(satisfaction_score), 2) as satisfaction
from tickets
where submitted_at > '2024-07-04' and submitted_at <= '2024-12-31'
group by account_id
