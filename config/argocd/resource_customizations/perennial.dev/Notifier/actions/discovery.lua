local suspended = obj.spec.suspend == true
return {
  refresh = {iconClass = "fa fa-fw fa-refresh", displayName = "Deliver now"},
  suspend = {iconClass = "fa fa-fw fa-pause", disabled = suspended},
  resume = {iconClass = "fa fa-fw fa-play", disabled = not suspended},
}
