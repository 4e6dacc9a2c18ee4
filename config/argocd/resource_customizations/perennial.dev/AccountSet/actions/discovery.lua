local suspended = obj.spec.suspend == true
local pending = obj.status ~= nil and obj.status.pending ~= nil
return {
  refresh = {iconClass = "fa fa-fw fa-refresh", displayName = "Compare with the source now"},
  approve = {iconClass = "fa fa-fw fa-check", displayName = "Approve the pending change", disabled = not pending},
  suspend = {iconClass = "fa fa-fw fa-pause", disabled = suspended},
  resume = {iconClass = "fa fa-fw fa-play", disabled = not suspended},
}
