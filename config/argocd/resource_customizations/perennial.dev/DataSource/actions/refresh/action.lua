local os = require("os")
if obj.metadata.annotations == nil then
  obj.metadata.annotations = {}
end
obj.metadata.annotations["perennial.dev/requestedAt"] = os.date("!%Y-%m-%dT%H:%M:%SZ")
return obj
