return {refresh = {iconClass = "fa fa-fw fa-refresh", displayName = "Evaluate now"}}
