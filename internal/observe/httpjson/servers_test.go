package httpjson

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// answerJSON writes an answer.
func answerJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json;charset=utf-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

type object = map[string]any

// hubspotError is an error as HubSpot writes it.
func hubspotError(w http.ResponseWriter, status int, category string) {
	answerJSON(w, status, object{"status": "error", "message": category, "correlationId": "aeb5f871-7f07-4993-9211-075dc63e7cbf", "category": category})
}

// hubspotCompany is a company of HubSpot: every second one is a customer.
func hubspotCompany(i int, properties []string) object {
	all := object{
		"name": fmt.Sprintf("Company %d", i), "lifecyclestage": "lead", "annualrevenue": nil, "hs_num_open_deals": "3", "notes_last_contacted": "",
	}
	if i%2 == 0 {
		all = object{
			"name": fmt.Sprintf("Company %d", i), "lifecyclestage": "customer", "annualrevenue": "1000.50", "hs_num_open_deals": nil,
			"notes_last_contacted": "2026-10-20T14:00:00Z",
		}
	}
	id := strconv.Itoa(9_000_000_000_000 + i)
	given := object{"hs_object_id": id, "createdate": "2026-01-05T10:00:00.123Z", "hs_lastmodifieddate": "2026-10-30T10:00:00.456Z"}
	for _, name := range properties {
		if value, ok := all[name]; ok {
			given[name] = value
		}
	}
	return object{"id": id, "properties": given, "createdAt": "2026-01-05T10:00:00.123Z", "updatedAt": "2026-10-30T10:00:00.456Z", "archived": false}
}

// hubspotPage answers with a page of companies. The word for the next one is the id of the last.
func hubspotPage(w http.ResponseWriter, companies []object, limit int, after string) object {
	first := 0
	if after != "" {
		for first < len(companies) && companies[first]["id"] != after {
			first++
		}
		first++
	}
	if first > len(companies) {
		hubspotError(w, http.StatusBadRequest, "VALIDATION_ERROR")
		return nil
	}
	last := min(first+limit, len(companies))
	page := object{"results": companies[first:last]}
	if last < len(companies) {
		next := companies[last-1]["id"].(string)
		page["paging"] = object{"next": object{"after": next, "link": "https://api.hubapi.com/crm/v3/objects/companies?after=" + next}}
	}
	return page
}

// hubspotCompanies is GET /crm/v3/objects/companies: at most 100 a page.
func hubspotCompanies() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /crm/v3/objects/companies", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer pat-na1-1" {
			hubspotError(w, http.StatusUnauthorized, "INVALID_AUTHENTICATION")
			return
		}
		query := r.URL.Query()
		limit, err := strconv.Atoi(cmp.Or(query.Get("limit"), "10"))
		if err != nil || limit < 1 || limit > 100 {
			hubspotError(w, http.StatusBadRequest, "VALIDATION_ERROR")
			return
		}
		var companies []object
		for i := range 250 {
			companies = append(companies, hubspotCompany(i, strings.Split(query.Get("properties"), ",")))
		}
		if page := hubspotPage(w, companies, limit, query.Get("after")); page != nil {
			answerJSON(w, http.StatusOK, page)
		}
	})
	return mux
}

// hubspotSearch is POST /crm/v3/objects/companies/search: at most 200 a page; after is text or a number.
func hubspotSearch() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /crm/v3/objects/companies/search", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer pat-na1-1" {
			hubspotError(w, http.StatusUnauthorized, "INVALID_AUTHENTICATION")
			return
		}
		var search struct {
			FilterGroups []struct {
				Filters []struct{ PropertyName, Operator, Value string }
			}
			Sorts      []struct{ PropertyName, Direction string }
			Properties []string
			Limit      int
			After      string
		}
		decoder := json.NewDecoder(r.Body)
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&search); err != nil || r.Header.Get("Content-Type") != "application/json" ||
			search.Limit < 1 || search.Limit > 200 || len(search.FilterGroups) != 1 || len(search.FilterGroups[0].Filters) != 1 {
			hubspotError(w, http.StatusBadRequest, "VALIDATION_ERROR")
			return
		}
		var companies []object
		for i := range 250 {
			company := hubspotCompany(i, append(search.Properties, "lifecyclestage"))
			filter := search.FilterGroups[0].Filters[0]
			if filter.Operator == "EQ" && company["properties"].(object)[filter.PropertyName] == filter.Value {
				companies = append(companies, company)
			}
		}
		if page := hubspotPage(w, companies, search.Limit, search.After); page != nil {
			page["total"] = len(companies)
			answerJSON(w, http.StatusOK, page)
		}
	})
	return mux
}

// salesforce gives tokens, and runs one query: 2000 records a page, the next of which is named without parameters.
func salesforce() http.Handler {
	const query = "SELECT Id,Name,Owner.Email,AnnualRevenue,LastActivityDate,LastModifiedDate FROM Account WHERE Type='Customer' ORDER BY Id"
	const token, total, pageSize = "00DS7000000oxzo!AR8AQPXA", 3214, 2000
	mux := http.NewServeMux()
	mux.HandleFunc("POST /services/oauth2/token", func(w http.ResponseWriter, r *http.Request) {
		id, secret, ok := r.BasicAuth()
		if !ok {
			id, secret = r.PostFormValue("client_id"), r.PostFormValue("client_secret")
		}
		switch {
		case r.PostFormValue("grant_type") != "client_credentials":
			answerJSON(w, http.StatusBadRequest, object{"error": "unsupported_grant_type", "error_description": "grant type not supported"})
		case id != "3MVG9VwZ" || secret != "8A4BE698":
			answerJSON(w, http.StatusUnauthorized, object{"error": "invalid_client", "error_description": "invalid client credentials"})
		default:
			answerJSON(w, http.StatusOK, object{
				"access_token": token, "signature": "nUFHwtfIGLKDTHcLWmDBG8frv0t", "token_format": "opaque", "instance_url": "https://example.my.salesforce.com",
				"id": "https://login.salesforce.com/id/00Dd0000000000001/005d00000000001", "token_type": "Bearer", "issued_at": "1678833535086",
			})
		}
	})
	page := func(w http.ResponseWriter, first int) {
		last := min(first+pageSize, total)
		answer := object{"totalSize": total, "done": last == total}
		if last < total {
			answer["nextRecordsUrl"] = fmt.Sprintf("/services/data/v63.0/query/01gD0000002HU6KIAW-%d", last)
		}
		var records []object
		for i := first; i < last; i++ {
			id := fmt.Sprintf("001D00000000%04dAA", i)
			record := object{
				"attributes": object{"type": "Account", "url": "/services/data/v63.0/sobjects/Account/" + id}, "Id": id, "Name": fmt.Sprintf("Account %d", i),
				"Owner":         object{"attributes": object{"type": "User", "url": "/services/data/v63.0/sobjects/User/005D0000001KyEIIA0"}, "Email": "jo@example.com"},
				"AnnualRevenue": json.RawMessage("3.5E8"), "LastActivityDate": "2026-10-28", "LastModifiedDate": "2026-10-30T09:12:33.000+0000",
			}
			if i%2 == 1 {
				record["AnnualRevenue"], record["LastActivityDate"] = nil, nil
			}
			records = append(records, record)
		}
		answer["records"] = records
		answerJSON(w, http.StatusOK, answer)
	}
	mux.HandleFunc("GET /services/data/v63.0/", func(w http.ResponseWriter, r *http.Request) {
		locator, more := strings.CutPrefix(r.URL.Path, "/services/data/v63.0/query/01gD0000002HU6KIAW-")
		first, err := strconv.Atoi(locator)
		switch {
		case r.Header.Get("Authorization") != "Bearer "+token:
			answerJSON(w, http.StatusUnauthorized, []object{{"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"}})
		case r.URL.Path == "/services/data/v63.0/query" && r.URL.Query().Get("q") == query:
			page(w, 0)
		case more && err == nil && first == pageSize && r.URL.RawQuery == "":
			page(w, first)
		default:
			answerJSON(w, http.StatusBadRequest, []object{{"message": "unexpected token", "errorCode": "MALFORMED_QUERY"}})
		}
	})
	return mux
}

// zendesk is GET /api/v2/search/export: a type, at most 1000 tickets a page, and a link even on the last page.
func zendesk() http.Handler {
	const total = 250
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/v2/search/export", func(w http.ResponseWriter, r *http.Request) {
		user, password, ok := r.BasicAuth()
		if !ok || user != "jo@example.com/token" || password != "6wiIBWbGkBMo1mRDMuVwkw1EPsNkeUj95PIz2akv" {
			answerJSON(w, http.StatusUnauthorized, object{"error": "Couldn't authenticate you"})
			return
		}
		query := r.URL.Query()
		size, err := strconv.Atoi(query.Get("page[size]"))
		first, cursorErr := strconv.Atoi(cmp.Or(query.Get("page[after]"), "0"))
		if err != nil || cursorErr != nil || size < 1 || size > 1000 || query.Get("filter[type]") != "ticket" || query.Get("query") != "status<solved" {
			answerJSON(w, http.StatusBadRequest, object{"error": "invalid", "description": "Invalid search"})
			return
		}
		last := min(first+size, total)
		var results []object
		for i := first; i < last; i++ {
			ticket := object{
				"id": 35436 + i, "url": fmt.Sprintf("https://example.zendesk.com/api/v2/tickets/%d.json", 35436+i), "result_type": "ticket", "status": "open",
				"organization_id": 22989772198900 + i%5, "priority": nil, "created_at": time.Date(2026, 9, 1, i, 0, 0, 0, time.UTC), "subject": "Help, my printer is on fire!",
			}
			if i%4 == 0 {
				ticket["priority"] = "urgent"
			}
			if i%5 == 4 {
				ticket["organization_id"] = nil
			}
			results = append(results, ticket)
		}
		query.Set("page[after]", strconv.Itoa(last))
		next := "http://" + r.Host + r.URL.Path + ".json?" + query.Encode()
		if last < total {
			next = "http://" + r.Host + r.URL.Path + "?" + query.Encode()
		}
		answerJSON(w, http.StatusOK, object{
			"results": results, "facets": nil, "links": object{"prev": nil, "next": next},
			"meta": object{"has_more": last < total, "after_cursor": strconv.Itoa(last), "before_cursor": nil},
		})
	})
	return mux
}

// firstAnswer is when the first of the surveys was answered; each further one an hour later.
var firstAnswer = time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC)

// delighted is GET /v1/survey_responses.json: a list, at most 100 a page. The whole second page is of another survey.
func delighted() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/survey_responses.json", func(w http.ResponseWriter, r *http.Request) {
		key, password, ok := r.BasicAuth()
		if !ok || key != "YOUR_DELIGHTED_API_KEY" || password != "" {
			answerJSON(w, http.StatusUnauthorized, object{"status": 401, "message": "Unauthorized"})
			return
		}
		query := r.URL.Query()
		size, err := strconv.Atoi(cmp.Or(query.Get("per_page"), "20"))
		page, pageErr := strconv.Atoi(cmp.Or(query.Get("page"), "1"))
		since, sinceErr := strconv.ParseInt(cmp.Or(query.Get("updated_since"), "0"), 10, 64)
		if err != nil || pageErr != nil || sinceErr != nil || size < 1 || size > 100 || page < 1 {
			answerJSON(w, http.StatusBadRequest, object{"status": 400, "message": "Bad request"})
			return
		}
		answers := []object{}
		for i := range 221 {
			at := firstAnswer.Add(time.Duration(i) * time.Hour).Unix()
			answer := object{
				"id": strconv.Itoa(i), "person": "10", "survey_type": "nps", "score": 9, "comment": fmt.Sprintf("answer %d", i), "created_at": at, "updated_at": nil,
				"permalink": "https://app.delighted.com/r/2jo3B7Gak9q37XkuHrGLGAbCdevemcx8", "notes": []string{}, "tags": []string{}, "additional_answers": []object{},
				"person_properties": object{"account_id": "acme-0", "country": "USA"},
			}
			if i >= 100 && i < 200 {
				answer["survey_type"] = "ces"
			}
			if i%21 == 1 {
				answer["person_properties"] = nil
			}
			if at >= since {
				answers = append(answers, answer)
			}
		}
		first := min((page-1)*size, len(answers))
		answerJSON(w, http.StatusOK, answers[first:min(first+size, len(answers))])
	})
	return mux
}
