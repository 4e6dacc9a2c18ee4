local ended = obj.status ~= nil and (obj.status.state == "Completed" or obj.status.state == "Canceled")
return {cancel = {
  iconClass = "fa fa-fw fa-ban",
  displayName = "Cancel the run and its open tasks",
  disabled = ended or obj.spec.cancel ~= nil,
}}
