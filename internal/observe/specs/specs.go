// Package specs checks what a DataSource says of its provider, without reading anything: URLs, jq expressions, queries.
package specs

import (
	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/observe"
	"github.com/perennial-dev/perennial/internal/observe/configmap"
	"github.com/perennial-dev/perennial/internal/observe/fake"
	"github.com/perennial-dev/perennial/internal/observe/httpjson"
	"github.com/perennial-dev/perennial/internal/observe/prometheus"
)

// providers are those whose specs hold more than a schema can check. SQL is not among them: its drivers are large, and all
// that they could say is said by the schema.
var providers = observe.Registry{
	observe.ProviderConfigMap:  observe.Factory(configmap.New),
	observe.ProviderPrometheus: observe.Factory(prometheus.New),
	observe.ProviderHTTP:       observe.Factory(httpjson.New),
	observe.ProviderFake:       observe.Factory(fake.New),
}

// Check says what the operator would refuse of a source's spec. The error begins with the field.
func Check(ds *v1alpha1.DataSource) error {
	name, err := observe.ProviderOf(ds)
	if err != nil || providers[name] == nil {
		return err
	}
	_, err = providers.Open(ds, observe.Dependencies{})
	return err
}
