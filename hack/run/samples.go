package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
)

// The record of what was applied is in the API itself: it is there exactly as long as the samples are.
const (
	recordNamespace = metav1.NamespaceSystem
	recordName      = "perennial-samples"
	recordDigest    = "digest"
	recordTime      = "applied"
)

// bringSamples applies the samples once in a data folder's life. They are objects to play with: what a person has
// changed or deleted must not come back by itself with the next start, so later starts leave them alone unless
// --apply-samples asks for them, and say when the files have changed.
func (s *session) bringSamples(ctx context.Context) error {
	if s.samples == "" {
		return nil
	}
	client, err := kubernetes.NewForConfig(s.api.Config())
	if err != nil {
		return fmt.Errorf("make a client: %w", err)
	}
	records := client.CoreV1().ConfigMaps(recordNamespace)
	record, err := records.Get(ctx, recordName, metav1.GetOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("read what samples were applied: %w", err)
	}
	applied := err == nil
	digest, err := s.samplesDigest(ctx)
	if err != nil {
		return err
	}
	if applied && !s.applySamples {
		s.explainSamples(record, digest)
		return nil
	}
	end := s.screen.step("samples", "applied")
	err = s.applySamplesNow(ctx, records, digest)
	end(err)
	return err
}

// samplesDigest stands for the samples as the files have them now.
func (s *session) samplesDigest(ctx context.Context) (string, error) {
	manifests, err := s.api.RunKubectl(ctx, "kustomize", s.samples)
	if err != nil {
		return "", fmt.Errorf("build the samples: %w", err)
	}
	sum := sha256.Sum256([]byte(manifests))
	return hex.EncodeToString(sum[:]), nil
}

func (s *session) explainSamples(record *corev1.ConfigMap, digest string) {
	when := record.Data[recordTime]
	if record.Data[recordDigest] == digest {
		s.screen.printf("  samples: applied on %s, left alone so that your changes stay\n", when)
		return
	}
	s.screen.printf("  samples: %s has changed since it was applied on %s, and is not applied again so that your\n"+
		"    changes stay; make run ARGS=--apply-samples applies it, over your changes to the same fields\n", s.samples, when)
}

// applySamplesNow applies the samples and records it. It records last: when that fails, the next run does both again.
func (s *session) applySamplesNow(ctx context.Context, records typedcorev1.ConfigMapInterface, digest string) error {
	if _, err := s.api.RunKubectl(ctx, "apply", "--server-side", "--force-conflicts",
		"--field-manager=perennial-samples", "--kustomize="+s.samples); err != nil {
		return fmt.Errorf("apply the samples: %w", err)
	}
	record := &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Name: recordName},
		Data:       map[string]string{recordDigest: digest, recordTime: time.Now().Format(time.DateTime)},
	}
	_, err := records.Create(ctx, record, metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		_, err = records.Update(ctx, record, metav1.UpdateOptions{})
	}
	if err != nil {
		return fmt.Errorf("record that the samples were applied: %w", err)
	}
	return nil
}
