-- Ready means that the operator has evaluated the object. It never says that a customer is well: an account in the lowest band
-- is Healthy here, and so is a source that is down once it was read. Degraded is what only a change in git repairs.
local health = {status = "Progressing", message = "the operator has not evaluated this generation yet"}
if obj.status == nil or obj.status.observedGeneration ~= obj.metadata.generation then
  return health
end

local conditions = {}
for _, condition in ipairs(obj.status.conditions or {}) do
  conditions[condition.type] = condition
end
local function is(kind, status)
  return conditions[kind] ~= nil and conditions[kind].status == status
end

if is("Stalled", "True") then
  return {status = "Degraded", message = conditions.Stalled.message}
end
if not is("Ready", "True") then -- waits for something that may still come
  if conditions.Ready ~= nil then
    health.message = conditions.Ready.message
  end
  return health
end
if obj.spec ~= nil and obj.spec.suspend == true then
  return {status = "Suspended", message = conditions.Ready.message}
end

health = {status = "Healthy", message = conditions.Ready.message}
if is("Available", "False") then
  health.message = conditions.Available.message
elseif is("Held", "True") then
  health.message = conditions.Held.message
end
return health
