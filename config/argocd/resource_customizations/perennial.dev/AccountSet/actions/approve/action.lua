-- The id stands for exactly the change that is shown: another one waits again.
if obj.metadata.annotations == nil then
  obj.metadata.annotations = {}
end
obj.metadata.annotations["perennial.dev/approve"] = obj.status.pending.id
return obj
