package prometheus

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/prometheus/client_golang/api"
	"github.com/prometheus/common/model"

	"github.com/perennial-dev/perennial/internal/observe"
)

// strictClient refuses answers that the API's client would read more into than there is: it takes a sample whose value is
// null, or missing, for 0. It also refuses more series than there may be rows before they are in memory, where they are
// many times as large as in the answer.
type strictClient struct {
	api.Client
	deps observe.Dependencies
	// partial is what VictoriaMetrics says of the last answer, in place of a warning.
	partial bool
}

// Do implements api.Client.
func (c *strictClient) Do(ctx context.Context, req *http.Request) (*http.Response, []byte, error) {
	resp, body, err := c.Client.Do(ctx, req)
	if err != nil || resp.StatusCode/100 != 2 {
		return resp, body, err
	}
	var answer struct {
		Status    string   `json:"status"`
		Data      wellMade `json:"data"`
		IsPartial bool     `json:"isPartial"`
	}
	if json.Unmarshal(body, &answer) != nil || answer.Status != "success" && answer.Status != "error" {
		return resp, nil, errNotPrometheus()
	}
	budget := c.deps.Budget()
	for range answer.Data.series {
		if err := budget.Row(nil); err != nil {
			return resp, nil, observe.At("spec.prometheus", err)
		}
	}
	c.partial = answer.IsPartial
	return resp, body, nil
}

// wellMade is data of an answer that was looked at, and is not kept.
type wellMade struct{ series int }

// UnmarshalJSON looks at a vector. The other kinds of results are refused anyway.
func (w *wellMade) UnmarshalJSON(data []byte) error {
	var kind struct {
		ResultType string `json:"resultType"`
	}
	if err := json.Unmarshal(data, &kind); err != nil || kind.ResultType != model.ValVector.String() {
		return err
	}
	var vector struct {
		Result []struct {
			Value     *wellMadeSample `json:"value"`
			Histogram *wellMadeSample `json:"histogram"`
		} `json:"result"`
	}
	if err := json.Unmarshal(data, &vector); err != nil {
		return err
	}
	for _, series := range vector.Result {
		if series.Value == nil && series.Histogram == nil {
			return errNoValue
		}
	}
	w.series = len(vector.Result)
	return nil
}

var errNoValue = errors.New("a series without a value")

// wellMadeSample is a pair of a time and a value that was looked at, and is not kept.
type wellMadeSample struct{}

// UnmarshalJSON looks at a pair. What the two are like the API's client checks, if they are there.
func (wellMadeSample) UnmarshalJSON(data []byte) error {
	var pair []*json.RawMessage
	if err := json.Unmarshal(data, &pair); err != nil {
		return err
	}
	if len(pair) != 2 || pair[0] == nil || pair[1] == nil {
		return errNoValue
	}
	return nil
}
