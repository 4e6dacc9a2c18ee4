obj.spec.cancel = {reason = "canceled in Argo CD"}
return obj
